package io.lazystate.metrics;

import org.apache.flink.annotation.Internal;

/** For whom something is loaded from the store, the most urgent first. */
@Internal
public enum LoadCause {
    /** The task waits for it: a fault, or what a restore cannot do without. */
    DEMAND("Demand"),
    /** Wanted before a restored task runs, for as long as that is allowed to take. */
    PRELOAD("Preload"),
    /** A checkpoint or savepoint that is written, or a query from outside. */
    SNAPSHOT("Snapshot"),
    /** Predicted to be needed soon. */
    PREFETCH("Prefetch"),
    /** In the background: extents that are read, or were before a restart. */
    WARM_UP("WarmUp"),
    /** In the background: all others. */
    HYDRATE("Hydrate");

    private final String metricSuffix;

    LoadCause(String metricSuffix) {
        this.metricSuffix = metricSuffix;
    }

    /** What the names of metrics by cause end in. */
    public String metricSuffix() {
        return metricSuffix;
    }

    /** Whether somebody waits more urgently for this than for the other. */
    public boolean isBefore(LoadCause other) {
        return compareTo(other) < 0;
    }
}
