package io.lazystate.snapshot;

import io.lazystate.error.Kind;
import io.lazystate.error.LazyStateException;
import io.lazystate.error.Where;
import io.lazystate.run.Run;
import io.lazystate.run.WrittenRun;
import io.lazystate.store.StoredObject;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.UUID;
import java.util.function.Function;
import org.apache.flink.core.fs.CloseableRegistry;
import org.apache.flink.runtime.state.CheckpointStateOutputStream;
import org.apache.flink.runtime.state.CheckpointStreamFactory;
import org.apache.flink.runtime.state.CheckpointedStateScope;
import org.apache.flink.runtime.state.StateUtil;
import org.apache.flink.runtime.state.StreamStateHandle;
import org.apache.flink.util.IOUtils;
import org.jspecify.annotations.Nullable;

/**
 * Packs runs into checkpoint objects: small ones share an object, since stores charge by the
 * object.
 *
 * <p>Threads: one, and a cancelling one that closes the registry. Ownership: closing before {@link
 * #handOver} discards every object that was written.
 */
final class ObjectSink implements AutoCloseable {
    /** A run whose object is perhaps still being written; its place is known after finish(). */
    static final class Placed {
        private @Nullable Run run;

        /** One that lies in an object that is written already. */
        static Placed at(Run run) {
            Placed placed = new Placed();
            placed.run = run;
            return placed;
        }

        Run run() {
            return Objects.requireNonNull(run, "finish() comes first");
        }
    }

    private record Pending(Placed placed, Function<StoredObject, Run> at) {}

    private final CheckpointStreamFactory streams;
    private final CheckpointedStateScope scope;
    private final CloseableRegistry cancel;
    private final long objectBytes;
    private final List<Pending> pending = new ArrayList<>();
    private final List<StoredObject> objects = new ArrayList<>();
    private @Nullable CheckpointStateOutputStream stream;
    private boolean handedOver;

    /**
     * @param cancel closed to cancel the checkpoint: the stream under way is then closed
     * @param objectBytes an object that has reached this size takes no further run
     */
    ObjectSink(
            CheckpointStreamFactory streams,
            CheckpointedStateScope scope,
            CloseableRegistry cancel,
            long objectBytes) {
        this.streams = streams;
        this.scope = scope;
        this.cancel = cancel;
        this.objectBytes = objectBytes;
    }

    /** Writes a run to the current object; the local file may go afterwards. */
    Placed append(WrittenRun run) throws IOException {
        CheckpointStateOutputStream out = open();
        long offset = out.getPos();
        run.writeTo(out);
        return placed(object -> run.at(object, offset));
    }

    /** Copies a run from where it lies, verified. */
    Placed copy(Run run, RunCopier copier) throws IOException {
        CheckpointStateOutputStream out = open();
        long offset = out.getPos();
        copier.copy(run, out);
        return placed(object -> new Run(object, offset, run.meta(), run.pageTable()));
    }

    /** Becomes the owner of an object that was written elsewhere. */
    void take(StoredObject object) {
        objects.add(object);
    }

    /** Completes the last object. */
    List<StoredObject> finish() throws IOException {
        roll();
        return objects;
    }

    /** Makes the caller the owner of all objects. */
    void handOver() {
        handedOver = true;
    }

    @Override
    public void close() {
        if (!handedOver) {
            CleanUp.run(this::discard);
        }
    }

    private void discard() {
        if (stream != null) {
            cancel.unregisterCloseable(stream);
            IOUtils.closeQuietly(stream);
        }
        objects.forEach(object -> StateUtil.discardStateObjectQuietly(object.handle()));
    }

    private Placed placed(Function<StoredObject, Run> at) throws IOException {
        Placed placed = new Placed();
        pending.add(new Pending(placed, at));
        if (stream != null && stream.getPos() >= objectBytes) {
            roll();
        }
        return placed;
    }

    private CheckpointStateOutputStream open() throws IOException {
        CheckpointStateOutputStream current = stream;
        if (current == null) {
            current = streams.createCheckpointStateOutputStream(scope);
            cancel.registerCloseable(current);
            stream = current;
        }
        return current;
    }

    private void roll() throws IOException {
        CheckpointStateOutputStream full = stream;
        if (full == null) {
            return;
        }
        stream = null;
        if (!cancel.unregisterCloseable(full)) {
            throw new IOException("The checkpoint was cancelled while a run file was written");
        }
        StreamStateHandle handle = CleanUp.handleOf(full);
        if (handle == null) {
            throw new LazyStateException(
                    Kind.INTERNAL,
                    Where.NOWHERE,
                    "The checkpoint storage gave no handle for a run file; report this",
                    null);
        }
        StoredObject object =
                new StoredObject("run-" + UUID.randomUUID(), handle.getStateSize(), handle);
        objects.add(object);
        for (Pending run : pending) {
            run.placed().run = run.at().apply(object);
        }
        pending.clear();
    }
}
