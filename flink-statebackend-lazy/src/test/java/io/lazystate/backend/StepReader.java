package io.lazystate.backend;

import io.lazystate.store.RangedReader;
import io.lazystate.store.StoredObject;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;

/** Lets something happen before each read of a store. Threads: any. */
final class StepReader implements RangedReader {
    enum Step {
        READ,
        DOWNLOAD
    }

    /** What happens; may throw. */
    @FunctionalInterface
    interface Event {
        void happen(Step step, StoredObject object) throws IOException;
    }

    private final RangedReader store;
    private final Event event;

    StepReader(RangedReader store, Event event) {
        this.store = store;
        this.event = event;
    }

    @Override
    public byte[] read(StoredObject object, long offset, int length) {
        happen(Step.READ, object);
        return store.read(object, offset, length);
    }

    @Override
    public int download(StoredObject object, long offset, long length, Path target) {
        happen(Step.DOWNLOAD, object);
        return store.download(object, offset, length, target);
    }

    private void happen(Step step, StoredObject object) {
        try {
            event.happen(step, object);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
