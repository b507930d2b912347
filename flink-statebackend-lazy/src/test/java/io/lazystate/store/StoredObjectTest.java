package io.lazystate.store;

import static org.assertj.core.api.Assertions.assertThat;

import org.apache.flink.core.fs.Path;
import org.apache.flink.runtime.checkpoint.filemerging.LogicalFile.LogicalFileId;
import org.apache.flink.runtime.state.CheckpointedStateScope;
import org.apache.flink.runtime.state.StreamStateHandle;
import org.apache.flink.runtime.state.filemerging.SegmentFileStateHandle;
import org.apache.flink.runtime.state.filesystem.FileStateHandle;
import org.apache.flink.runtime.state.memory.ByteStreamStateHandle;
import org.junit.jupiter.api.Test;

class StoredObjectTest {

    @Test
    void isItsName() {
        StoredObject object = object("a", 1);

        assertThat(object).isEqualTo(object("a", 2)).hasSameHashCodeAs(object("a", 2));
        assertThat(object).isNotEqualTo(object("b", 1)).isNotEqualTo("a");
        assertThat(object).hasToString("a (1 bytes)");
    }

    @Test
    void isFoundByTheOperatorUnderItsPath() {
        Path file = new Path("s3://bucket/shared/41");
        StreamStateHandle plain = new FileStateHandle(file, 9);
        StreamStateHandle merged =
                new SegmentFileStateHandle(
                        file, 4096, 9, CheckpointedStateScope.SHARED, new LogicalFileId("f"));

        assertThat(new StoredObject("run-1", 9, plain).where(2, 5))
                .hasToString("object s3://bucket/shared/41 [2, 7)");
        assertThat(new StoredObject("run-1", 9, merged).where(2, 5))
                .hasToString("object s3://bucket/shared/41 from byte 4096 [2, 7)");
    }

    @Test
    void isSoughtInTheMetadataIfItIsInlinedThereAndNotInAFileThatNeverWas() {
        StreamStateHandle inlined = new ByteStreamStateHandle("h", new byte[] {1, 2, 3});

        assertThat(new StoredObject("s3://bucket/chk-7/41", 3, inlined).where(0, 3))
                .hasToString(
                        "object s3://bucket/chk-7/41 (inlined into the checkpoint's _metadata)"
                                + " [0, 3)");
    }

    private static StoredObject object(String name, int length) {
        return new StoredObject(name, length, new ByteStreamStateHandle("h", new byte[length]));
    }
}
