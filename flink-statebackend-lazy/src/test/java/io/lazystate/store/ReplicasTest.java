package io.lazystate.store;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.List;
import org.apache.flink.core.fs.Path;
import org.apache.flink.runtime.checkpoint.filemerging.LogicalFile.LogicalFileId;
import org.apache.flink.runtime.state.CheckpointedStateScope;
import org.apache.flink.runtime.state.StreamStateHandle;
import org.apache.flink.runtime.state.filemerging.SegmentFileStateHandle;
import org.apache.flink.runtime.state.filesystem.FileStateHandle;
import org.apache.flink.runtime.state.memory.ByteStreamStateHandle;
import org.junit.jupiter.api.Test;

/** Where copies of an object are looked for. */
class ReplicasTest {
    private static final String JOB = "0123456789abcdef0123456789abcdef";
    private static final List<String> TWO = List.of("s3://backup/a", "file:///mnt/b/");

    @Test
    void atTheSamePlaceUnderEachReplica() {
        Replicas replicas = new Replicas(TWO, "s3://state/ckp");
        assertThat(paths(replicas, "s3://state/ckp/" + JOB + "/shared/x"))
                .containsExactly(
                        "s3://backup/a/" + JOB + "/shared/x", "file:/mnt/b/" + JOB + "/shared/x");
        assertThat(paths(replicas, "s3a://state/ckp/any/y"))
                .as("of whatever name and scheme")
                .containsExactly("s3://backup/a/any/y", "file:/mnt/b/any/y");
    }

    @Test
    void fromTheJobsIdOnIfTheObjectLiesElsewhere() {
        for (String checkpoints : new String[] {"s3://state/ckp", "s3://other/old", null}) {
            Replicas replicas = new Replicas(List.of("s3://backup/a"), checkpoints);
            for (String rest : List.of("shared/x", "taskowned/x", "chk-17/x", "shared/d/x")) {
                assertThat(paths(replicas, "s3://state/ckp2/deep/" + JOB + "/" + rest))
                        .containsExactly("s3://backup/a/" + JOB + "/" + rest);
            }
        }
    }

    @Test
    void nowhereIfNeitherTells() {
        Replicas replicas = new Replicas(TWO, "s3://state/ckp");
        assertThat(paths(replicas, "s3://state/ckpt/x")).isEmpty();
        assertThat(paths(replicas, "s3://other/ckp/x")).isEmpty();
        assertThat(paths(replicas, "s3://state/savepoint-1234/x")).isEmpty();
        assertThat(replicas.of(object(new ByteStreamStateHandle("x", new byte[3])))).isEmpty();
        assertThat(paths(Replicas.NONE, "s3://state/" + JOB + "/shared/x")).isEmpty();
    }

    @Test
    void aDirectoryMayHaveNoScheme() {
        Replicas replicas = new Replicas(List.of("/mnt/b"), "/ckp");
        assertThat(paths(replicas, "file:/ckp/" + JOB + "/shared/x"))
                .containsExactly("/mnt/b/" + JOB + "/shared/x");
    }

    @Test
    void aSegmentOfAMergedFileIsTheSameSegmentOfItsCopy() {
        Replicas replicas = new Replicas(List.of("s3://backup"), "s3://state");
        SegmentFileStateHandle segment =
                new SegmentFileStateHandle(
                        new Path("s3://state/j/shared/m"),
                        40,
                        7,
                        CheckpointedStateScope.SHARED,
                        new LogicalFileId("l"));
        SegmentFileStateHandle copy =
                (SegmentFileStateHandle) replicas.of(object(segment)).get(0).handle();
        assertThat(copy.getFilePath()).hasToString("s3://backup/j/shared/m");
        assertThat(copy.getStartPos()).isEqualTo(40);
        assertThat(copy.getStateSize()).isEqualTo(7);
    }

    @Test
    void whatIsNoPathIsRefused() {
        assertThatThrownBy(() -> new Replicas(List.of(""), null))
                .isInstanceOf(IllegalArgumentException.class);
    }

    private static List<String> paths(Replicas replicas, String path) {
        return replicas.of(object(new FileStateHandle(new Path(path), 10))).stream()
                .map(StoredObject::location)
                .toList();
    }

    private static StoredObject object(StreamStateHandle handle) {
        return new StoredObject("name", handle.getStateSize(), handle);
    }
}
