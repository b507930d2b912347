/** Runnable streaming jobs on the lazy state backend. */
@NullMarked
package io.lazystate.examples;

import org.jspecify.annotations.NullMarked;
