package io.lazystate.store;

import java.io.IOException;
import java.util.Optional;
import org.apache.flink.core.fs.FSDataInputStream;
import org.apache.flink.runtime.state.PhysicalStateHandleID;
import org.apache.flink.runtime.state.StreamStateHandle;
import org.apache.flink.util.ExceptionUtils;

/** A handle whose stream a test makes up. */
final class StubHandle implements StreamStateHandle {

    private static final long serialVersionUID = 1L;

    /** Opens a stream, or fails. */
    @FunctionalInterface
    interface Opener {
        FSDataInputStream open() throws IOException;
    }

    private final transient Opener opener;

    private StubHandle(Opener opener) {
        this.opener = opener;
    }

    /** An object of 100 bytes. */
    static StoredObject object(Opener opener) {
        return new StoredObject("shared/41", 100, new StubHandle(opener));
    }

    /** Fails with an IOException, or unchecked. */
    static StoredObject failingToOpen(Exception e) {
        return object(
                () -> {
                    ExceptionUtils.rethrowIOException(e);
                    throw new AssertionError("unreachable");
                });
    }

    @Override
    public FSDataInputStream openInputStream() throws IOException {
        return opener.open();
    }

    @Override
    public Optional<byte[]> asBytesIfInMemory() {
        return Optional.empty();
    }

    @Override
    public PhysicalStateHandleID getStreamStateHandleID() {
        return new PhysicalStateHandleID("stub");
    }

    @Override
    public void discardState() {
        throw new AssertionError("a reader discards nothing");
    }

    @Override
    public long getStateSize() {
        return 100;
    }
}
