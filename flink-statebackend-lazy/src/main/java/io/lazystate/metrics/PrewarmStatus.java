package io.lazystate.metrics;

import org.apache.flink.annotation.Internal;

/** How far the loading is that no task waits for. The metric's value is its code. */
@Internal
public enum PrewarmStatus {
    /** Switched off; state that is cold is loaded when it is used. */
    OFF(0),
    /** Waits for the task to begin its work. */
    PENDING(1),
    /** Under way. */
    RUNNING(2),
    /** Everything was loaded, or all that the local disk has room for. */
    COMPLETED(3),
    /** Has ended, and some could not be loaded; the task works on, and loads it when it is used. */
    FAILED(4),
    /** Nothing was cold. */
    SKIPPED(5);

    private final int code;

    PrewarmStatus(int code) {
        this.code = code;
    }

    /** Stays the same in all releases. */
    public int code() {
        return code;
    }

    boolean mayFollow(PrewarmStatus before) {
        return switch (this) {
            case OFF -> false;
            case PENDING, SKIPPED -> before == OFF;
            case RUNNING -> before == PENDING;
            case COMPLETED -> before == RUNNING;
            case FAILED -> before == PENDING || before == RUNNING;
        };
    }
}
