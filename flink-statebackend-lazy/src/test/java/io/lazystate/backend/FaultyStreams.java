package io.lazystate.backend;

import io.lazystate.backend.FaultPlan.Fault;
import io.lazystate.backend.FaultPlan.Step;
import java.io.IOException;
import java.util.Collection;
import java.util.List;
import org.apache.flink.runtime.state.CheckpointStateOutputStream;
import org.apache.flink.runtime.state.CheckpointStreamFactory;
import org.apache.flink.runtime.state.CheckpointedStateScope;
import org.apache.flink.runtime.state.StateUtil;
import org.apache.flink.runtime.state.StreamStateHandle;

/** Streams of checkpoints at which one step goes wrong as planned. Threads: the checkpoint's. */
final class FaultyStreams implements CheckpointStreamFactory {
    private final CheckpointStreamFactory streams;
    private final FaultPlan plan;

    FaultyStreams(CheckpointStreamFactory streams, FaultPlan plan) {
        this.streams = streams;
        this.plan = plan;
    }

    @Override
    public CheckpointStateOutputStream createCheckpointStateOutputStream(
            CheckpointedStateScope scope) throws IOException {
        Fault fault = begin(Step.CREATE);
        CheckpointStateOutputStream stream = streams.createCheckpointStateOutputStream(scope);
        if (fault == Fault.CANCELLED_BEHIND) {
            plan.cancel();
        }
        return new FaultyStream(stream);
    }

    private Fault begin(Step step) throws IOException {
        Fault fault = plan.begin(step);
        if (fault == Fault.FAILS) {
            throw FaultPlan.failure();
        }
        return fault;
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

    /** Its object is gone when it is closed, unless its handle was given away. */
    private final class FaultyStream extends CheckpointStateOutputStream {
        private final CheckpointStateOutputStream out;
        private StreamStateHandle kept;

        FaultyStream(CheckpointStateOutputStream out) {
            this.out = out;
        }

        @Override
        public void write(int b) throws IOException {
            write(new byte[] {(byte) b}, 0, 1);
        }

        @Override
        public void write(byte[] bytes, int offset, int length) throws IOException {
            Fault fault = begin(Step.WRITE);
            out.write(bytes, offset, fault == Fault.FAILS_HALFWAY ? length / 2 : length);
            if (fault == Fault.FAILS_HALFWAY || fault == Fault.FAILS_BEHIND) {
                throw FaultPlan.failure();
            }
        }

        @Override
        public StreamStateHandle closeAndGetHandle() throws IOException {
            Fault fault = begin(Step.CLOSE);
            StreamStateHandle handle = out.closeAndGetHandle();
            if (fault == Fault.FAILS_BEHIND) {
                kept = handle;
                throw FaultPlan.failure();
            }
            if (fault == Fault.CANCELLED_BEHIND) {
                plan.cancel();
            }
            return handle;
        }

        @Override
        public void close() throws IOException {
            out.close();
            if (kept != null) {
                StateUtil.discardStateObjectQuietly(kept);
            }
        }

        @Override
        public long getPos() throws IOException {
            return out.getPos();
        }

        @Override
        public void flush() throws IOException {
            out.flush();
        }

        @Override
        public void sync() throws IOException {
            out.sync();
        }
    }
}
