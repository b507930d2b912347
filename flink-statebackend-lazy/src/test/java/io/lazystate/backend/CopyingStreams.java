package io.lazystate.backend;

import java.io.IOException;
import java.util.Collection;
import java.util.List;
import org.apache.flink.runtime.state.CheckpointStateOutputStream;
import org.apache.flink.runtime.state.CheckpointStreamFactory;
import org.apache.flink.runtime.state.CheckpointedStateScope;
import org.apache.flink.runtime.state.StreamStateHandle;

/**
 * Streams of a storage that does not want earlier files to be used again, as Flink's file merging
 * does when little of a merged file is in use, or when it was switched on or off.
 */
final class CopyingStreams implements CheckpointStreamFactory {
    private final CheckpointStreamFactory streams;

    CopyingStreams(CheckpointStreamFactory streams) {
        this.streams = streams;
    }

    @Override
    public boolean couldReuseStateHandle(StreamStateHandle handle) {
        return false;
    }

    @Override
    public CheckpointStateOutputStream createCheckpointStateOutputStream(
            CheckpointedStateScope scope) throws IOException {
        return streams.createCheckpointStateOutputStream(scope);
    }

    @Override
    public boolean canFastDuplicate(StreamStateHandle handle, CheckpointedStateScope scope)
            throws IOException {
        return streams.canFastDuplicate(handle, scope);
    }

    @Override
    public List<StreamStateHandle> duplicate(
            List<StreamStateHandle> handles, CheckpointedStateScope scope) throws IOException {
        return streams.duplicate(handles, scope);
    }

    @Override
    public void reusePreviousStateHandle(Collection<? extends StreamStateHandle> handles) {
        streams.reusePreviousStateHandle(handles);
    }
}
