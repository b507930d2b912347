package io.lazystate.backend;

import java.io.IOException;
import java.util.Collection;
import java.util.List;
import org.apache.flink.runtime.state.CheckpointStateOutputStream;
import org.apache.flink.runtime.state.CheckpointStreamFactory;
import org.apache.flink.runtime.state.CheckpointedStateScope;
import org.apache.flink.runtime.state.StreamStateHandle;

/** Lets something happen when a checkpoint opens its n-th stream. Threads: the checkpoint's. */
final class Mishap implements CheckpointStreamFactory {
    /** What happens; may throw. */
    @FunctionalInterface
    interface Event {
        void happen() throws IOException;
    }

    private final CheckpointStreamFactory streams;
    private final Event event;
    private int streamsUntil;

    Mishap(CheckpointStreamFactory streams, int stream, Event event) {
        this.streams = streams;
        this.streamsUntil = stream;
        this.event = event;
    }

    @Override
    public CheckpointStateOutputStream createCheckpointStateOutputStream(
            CheckpointedStateScope scope) throws IOException {
        if (--streamsUntil == 0) {
            event.happen();
        }
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

    @Override
    public boolean couldReuseStateHandle(StreamStateHandle handle) {
        return streams.couldReuseStateHandle(handle);
    }
}
