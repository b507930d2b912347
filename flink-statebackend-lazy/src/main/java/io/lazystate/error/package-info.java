/**
 * The one exception type of this project, the place an error happened at, and how often the log
 * tells of one that lasts.
 */
@NullMarked
package io.lazystate.error;

import org.jspecify.annotations.NullMarked;
