package io.lazystate.backend;

import java.util.Map;
import java.util.function.Consumer;
import org.apache.flink.api.common.state.StateDescriptor;
import org.apache.flink.api.common.typeutils.TypeSerializer;
import org.apache.flink.runtime.state.RegisteredKeyValueStateBackendMetaInfo;
import org.apache.flink.state.rocksdb.RocksDBKeyedStateBackend.RocksDbKvStateInfo;

/**
 * Makes a state resident before Flink migrates it to another serializer: a migration reads and
 * writes every row, and then does so as on an ordinary RocksDB. Threads: the task thread.
 */
final class Migrations {
    private final Map<String, RocksDbKvStateInfo> states;
    private final Consumer<String> load;

    /**
     * @param states registered and restored ones, by name
     * @param load makes a state resident, by name; its errors pass through
     */
    Migrations(Map<String, RocksDbKvStateInfo> states, Consumer<String> load) {
        this.states = states;
        this.load = load;
    }

    /** Whether registering the state with this descriptor migrates it. */
    boolean isDueFor(StateDescriptor<?, ?> descriptor) {
        RocksDbKvStateInfo state = states.get(descriptor.getName());
        return state != null
                && state.metaInfo instanceof RegisteredKeyValueStateBackendMetaInfo<?, ?> metaInfo
                && migrates(metaInfo, descriptor.getSerializer());
    }

    /** To be called before the state is registered with a descriptor that migrates it. */
    void prepare(StateDescriptor<?, ?> descriptor) {
        load.accept(descriptor.getName());
    }

    /** Asks a copy, since the answer is noted. */
    @SuppressWarnings("unchecked") // that the types fit is what is asked
    private static <S> boolean migrates(
            RegisteredKeyValueStateBackendMetaInfo<?, S> metaInfo, TypeSerializer<?> serializer) {
        return new RegisteredKeyValueStateBackendMetaInfo<Object, S>(metaInfo.snapshot())
                .updateStateSerializer((TypeSerializer<S>) serializer)
                .isCompatibleAfterMigration();
    }
}
