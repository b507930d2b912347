package io.lazystate.restore;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.List;
import java.util.UUID;
import org.apache.flink.runtime.state.IncrementalKeyedStateHandle.HandleAndLocalPath;
import org.apache.flink.runtime.state.IncrementalRemoteKeyedStateHandle;
import org.apache.flink.runtime.state.KeyGroupRange;
import org.apache.flink.runtime.state.KeyGroupRangeOffsets;
import org.apache.flink.runtime.state.KeyGroupsSavepointStateHandle;
import org.apache.flink.runtime.state.KeyedStateHandle;
import org.apache.flink.runtime.state.StreamStateHandle;
import org.apache.flink.runtime.state.memory.ByteStreamStateHandle;
import org.junit.jupiter.api.Test;

/** Whose checkpoint it is, by the shape of its handles. */
class CheckpointContentsTest {
    private static final KeyGroupRange KEY_GROUPS = new KeyGroupRange(0, 7);
    private static final StreamStateHandle FILE = new ByteStreamStateHandle("file", new byte[1]);

    private static final KeyedStateHandle OURS = incremental(List.of());
    private static final KeyedStateHandle OF_ROCKSDB =
            incremental(List.of(HandleAndLocalPath.of(FILE, "MANIFEST-000001")));
    private static final KeyedStateHandle SAVEPOINT =
            new KeyGroupsSavepointStateHandle(new KeyGroupRangeOffsets(KEY_GROUPS), FILE);

    @Test
    void handlesOfThisBackendAreTold() {
        assertThat(CheckpointContents.areIn(List.of(OURS, OURS))).isTrue();
        assertThat(CheckpointContents.areIn(List.of(OF_ROCKSDB, OF_ROCKSDB))).isFalse();
        assertThat(CheckpointContents.areIn(List.of(SAVEPOINT))).isFalse();
        assertThat(CheckpointContents.areIn(List.of())).isFalse();
    }

    @Test
    void handlesOfTwoBackendsAreRefused() {
        for (KeyedStateHandle other : List.of(OF_ROCKSDB, SAVEPOINT)) {
            assertThatThrownBy(() -> CheckpointContents.areIn(List.of(OURS, other)))
                    .hasMessageContaining("INVALID")
                    .hasMessageContaining("restore from a checkpoint of one of them");
        }
    }

    private static KeyedStateHandle incremental(List<HandleAndLocalPath> privateState) {
        return new IncrementalRemoteKeyedStateHandle(
                new UUID(1, 2), KEY_GROUPS, 1, List.of(), privateState, FILE);
    }
}
