/**
 * From state handles to an opened, mostly cold database: what to take from which handle, then doing
 * it.
 */
@NullMarked
package io.lazystate.restore;

import org.jspecify.annotations.NullMarked;
