package io.lazystate.backend;

import org.apache.flink.annotation.PublicEvolving;

/**
 * How much state is loaded before a restored task runs. Results are the same in every mode (I9).
 */
@PublicEvolving
public enum LoadingMode {
    /**
     * Metadata, with the rows that were read most, and the heads of the timer queues; everything
     * else when it is used, or later.
     */
    LAZY,
    /** Everything. */
    EAGER,
    /**
     * What LAZY loads, and the states of {@code preload.states}; the rest when it is used, or in
     * the background.
     */
    HYBRID,
    /**
     * Everything, if an operator's subtask has little state; else what HYBRID loads. In both cases
     * the task waits no longer than {@code recovery.max-blocking-time}.
     */
    AUTO
}
