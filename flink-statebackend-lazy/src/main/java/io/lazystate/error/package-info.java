/** The one exception type of this project, and the place an error happened at. */
@NullMarked
package io.lazystate.error;

import org.jspecify.annotations.NullMarked;
