package org.apache.flink.test.checkpointing;

import io.lazystate.backend.SuiteMode;
import io.lazystate.backend.SuiteTally;
import java.util.Arrays;
import java.util.Collection;
import java.util.stream.Stream;
import org.apache.flink.core.execution.CheckpointType;
import org.apache.flink.core.execution.SavepointFormatType;
import org.apache.flink.testutils.junit.extensions.parameterized.Parameters;
import org.apache.flink.types.Either;
import org.junit.jupiter.api.extension.RegisterExtension;

/**
 * Flink's cases for map entries without a value, over every kind of checkpoint and savepoint and in
 * every loading mode.
 */
class MapStateNullValueIT extends MapStateNullValueCheckpointingITCase {
    @RegisterExtension
    static final SuiteTally TALLY = new SuiteTally(new SuiteTally.Cases(4, 0), SuiteTally.FAULTS);

    /** Hides that of the base. */
    @Parameters(name = "{0} {1}")
    private static Collection<Object[]> data() {
        return Arrays.stream(SuiteMode.values())
                .flatMap(
                        mode ->
                                Stream.of(
                                                Either.Left(CheckpointType.FULL),
                                                Either.Left(CheckpointType.INCREMENTAL),
                                                Either.Right(SavepointFormatType.CANONICAL),
                                                Either.Right(SavepointFormatType.NATIVE))
                                        .map(kind -> new Object[] {mode.factory(), kind}))
                .toList();
    }
}
