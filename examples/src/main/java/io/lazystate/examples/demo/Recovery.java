package io.lazystate.examples.demo;

import java.util.List;
import java.util.OptionalLong;

/**
 * The figures of one recovery. Times count from when the JobManager saw the failure.
 *
 * @param stateBytes size of the checkpoint
 * @param differences from the unbroken run, a line each; empty: the results are equal
 * @param runningMillis until every task was running
 * @param firstResultMillis until the first correct alarm, from the operator that holds the state;
 *     empty: none came
 * @param residentMillis until all state was local; empty: not within the time allowed
 * @param first what was loaded at the first correct result
 * @param bytesRead from the store, in the whole recovery
 */
record Recovery(
        long stateBytes,
        List<String> differences,
        long runningMillis,
        OptionalLong firstResultMillis,
        OptionalLong residentMillis,
        Loaded first,
        long bytesRead) {

    /**
     * What was loaded at some time.
     *
     * @param atMillis the time, since the epoch; empty: it never came
     * @param pages pages loaded; empty: not counted
     * @param pagesTotal pages there are; empty: not counted
     * @param bytesRead bytes read from the store since the failure
     */
    record Loaded(
            OptionalLong atMillis,
            OptionalLong pages,
            OptionalLong pagesTotal,
            OptionalLong bytesRead) {
        static final Loaded NEVER =
                new Loaded(
                        OptionalLong.empty(),
                        OptionalLong.empty(),
                        OptionalLong.empty(),
                        OptionalLong.empty());
    }

    boolean resultsEqual() {
        return differences.isEmpty();
    }
}
