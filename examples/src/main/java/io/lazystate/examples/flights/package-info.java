/** The main job: late flights in sliding windows, sessions and per-airport alarms. */
@NullMarked
package io.lazystate.examples.flights;

import org.jspecify.annotations.NullMarked;
