package io.lazystate.store;

import org.apache.flink.runtime.state.memory.ByteStreamStateHandle;

/** Handles whose bytes the checkpoint metadata carries. */
class HeapHandleTest extends RangedReaderContract {

    @Override
    RangedReader reader() {
        return new StateHandleReader();
    }

    @Override
    StoredObject store(String name, byte[] content, long statedLength) {
        return new StoredObject(name, statedLength, new ByteStreamStateHandle(name, content));
    }
}
