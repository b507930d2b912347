package io.lazystate.examples.store;

import java.io.IOException;
import org.apache.flink.core.fs.FSDataInputStream;

/** Reads a local file as if each opened or moved position were a ranged request to a store. */
final class SlowInputStream extends FSDataInputStream {
    /** A forward step up to this size reads on, as clients of object stores do. */
    static final int STEP_BYTES = 64 * 1024;

    private final FSDataInputStream file;
    private final EmulatedStore store;
    private final Pace pace;
    private boolean requested;
    private long position;

    SlowInputStream(FSDataInputStream file, EmulatedStore store, Sleeper sleeper) {
        this.file = file;
        this.store = store;
        this.pace = new Pace(store.profile(), sleeper);
    }

    @Override
    public void seek(long target) throws IOException {
        long step = target - position;
        file.seek(target);
        position = target;
        if (requested && step >= 0 && step <= STEP_BYTES) {
            deliver(step);
        } else {
            requested = false;
        }
    }

    @Override
    public long skip(long bytes) throws IOException {
        long target = Math.min(position + Math.max(bytes, 0), position + file.available());
        long skipped = target - position;
        seek(target);
        return skipped;
    }

    @Override
    public long getPos() {
        return position;
    }

    @Override
    public int read() throws IOException {
        request();
        int value = file.read();
        if (value >= 0) {
            position++;
            deliver(1);
        }
        return value;
    }

    @Override
    public int read(byte[] target, int offset, int length) throws IOException {
        request();
        int count = file.read(target, offset, length);
        if (count > 0) {
            position += count;
            deliver(count);
        }
        return count;
    }

    @Override
    public int available() throws IOException {
        return file.available();
    }

    @Override
    public void close() throws IOException {
        file.close();
    }

    private void request() {
        if (!requested) {
            requested = true;
            store.countRequest();
            pace.startRequest();
        }
    }

    private void deliver(long bytes) throws IOException {
        store.countBytes(bytes);
        pace.await(bytes);
    }
}
