package io.lazystate.backend;

import io.lazystate.error.Kind;
import io.lazystate.error.LazyStateException;
import io.lazystate.error.Where;
import org.apache.flink.configuration.ReadableConfig;
import org.apache.flink.configuration.StateChangelogOptions;
import org.apache.flink.runtime.execution.Environment;

/**
 * Flink's changelog state backend, which would wrap this one, and must not.
 *
 * <p>Its checkpoints are those of the wrapped backend at some earlier time, under numbers of its
 * own, handed to the JobManager again and again: which of them a further one may be built on, and
 * which files still exist, is then not what this backend is told.
 */
final class Changelog {
    private Changelog() {}

    /**
     * @param merged the cluster's configuration, overridden by the job's
     * @throws LazyStateException INVALID, if the changelog is on
     */
    static void refuseIn(ReadableConfig merged) {
        refuseIf(merged.get(StateChangelogOptions.ENABLE_STATE_CHANGE_LOG));
    }

    /**
     * For a backend that a program has made itself, whose configuration does not have the job's.
     *
     * @throws LazyStateException INVALID, if the changelog is on
     */
    static void refuseIn(Environment env) {
        refuseIf(
                env.getJobConfiguration()
                        .getOptional(StateChangelogOptions.ENABLE_STATE_CHANGE_LOG)
                        .orElseGet(
                                () ->
                                        env.getTaskManagerInfo()
                                                .getConfiguration()
                                                .get(
                                                        StateChangelogOptions
                                                                .ENABLE_STATE_CHANGE_LOG)));
    }

    private static void refuseIf(boolean enabled) {
        if (enabled) {
            throw new LazyStateException(
                    Kind.INVALID,
                    Where.NOWHERE,
                    "Option "
                            + StateChangelogOptions.ENABLE_STATE_CHANGE_LOG.key()
                            + " is true, but Flink's changelog cannot wrap the lazy state backend;"
                            + " it takes checkpoints of its own, on which this backend could not"
                            + " build; set it to false for the job: checkpoints of this backend"
                            + " hold only what changed anyway",
                    null);
        }
    }
}
