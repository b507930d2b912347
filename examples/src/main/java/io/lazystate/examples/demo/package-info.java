/**
 * The demo: runs the main job, loses its TaskManager and measures the recovery, once for each state
 * backend. Start reading at {@link io.lazystate.examples.demo.Demo}.
 */
@NullMarked
package io.lazystate.examples.demo;

import org.jspecify.annotations.NullMarked;
