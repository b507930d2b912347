/**
 * What timers tell of the rows that will be read soon, and what becomes of it: docs/design/0008.
 *
 * <p>Everything here runs in the task thread, inside of its calls of the timer queues.
 */
@NullMarked
package io.lazystate.prefetch;

import org.jspecify.annotations.NullMarked;
