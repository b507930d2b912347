package io.lazystate.backend;

import io.lazystate.run.Run;
import io.lazystate.store.RangedReader;
import io.lazystate.store.StoredObject;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;

/** Notes which bytes of a store are read. Threads: any. */
final class ReadLog implements RangedReader {
    /** One request. */
    record Request(String object, long offset, long length, boolean download) {
        /** Whether nothing but this run's table, page table or filter was read. */
        boolean isOf(Run run) {
            return object.equals(run.object().name())
                    && offset >= run.offset()
                    && offset + length <= run.offset() + run.meta().regionBytes();
        }
    }

    private final RangedReader store;
    private final List<Request> requests = new CopyOnWriteArrayList<>();

    ReadLog(RangedReader store) {
        this.store = store;
    }

    List<Request> requests() {
        return List.copyOf(requests);
    }

    @Override
    public byte[] read(StoredObject object, long offset, int length) {
        requests.add(new Request(object.name(), offset, length, false));
        return store.read(object, offset, length);
    }

    @Override
    public int download(StoredObject object, long offset, long length, Path target) {
        requests.add(new Request(object.name(), offset, length, true));
        return store.download(object, offset, length, target);
    }
}
