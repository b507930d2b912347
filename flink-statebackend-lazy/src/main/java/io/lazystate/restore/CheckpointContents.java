package io.lazystate.restore;

import io.lazystate.error.Kind;
import io.lazystate.error.LazyStateException;
import io.lazystate.error.Where;
import io.lazystate.loading.Futures;
import io.lazystate.loading.LoadExecutor;
import io.lazystate.manifest.Manifest;
import io.lazystate.manifest.ManifestCodec;
import io.lazystate.metrics.LoadCause;
import io.lazystate.store.ObjectRange;
import io.lazystate.store.StoredObject;
import io.lazystate.store.VerifiedReader;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Future;
import java.util.function.Function;
import org.apache.flink.annotation.Internal;
import org.apache.flink.runtime.state.IncrementalKeyedStateHandle.HandleAndLocalPath;
import org.apache.flink.runtime.state.IncrementalRemoteKeyedStateHandle;
import org.apache.flink.runtime.state.KeyedStateHandle;
import org.apache.flink.runtime.state.StreamStateHandle;
import org.jspecify.annotations.Nullable;

/**
 * The manifests of a checkpoint's handles, on their way.
 *
 * <p>Cost: one ranged read for each handle, all at once, while the caller does something else.
 */
@Internal
public final class CheckpointContents {
    private final List<Future<Manifest>> wave = new ArrayList<>();

    private CheckpointContents() {}

    /**
     * Whether handles were written by this backend. RocksDB's own list of its files is private
     * state in a handle of Flink's backend, and ours have none.
     *
     * @throws LazyStateException INVALID if only some of them were
     */
    public static boolean areIn(Collection<KeyedStateHandle> handles) {
        long ours = handles.stream().filter(CheckpointContents::isIn).count();
        if (ours > 0 && ours < handles.size()) {
            throw new LazyStateException(
                    Kind.INVALID,
                    Where.NOWHERE,
                    "Some of the checkpoint's handles were written by this backend and some by"
                            + " another; restore from a checkpoint of one of them",
                    null);
        }
        return ours > 0;
    }

    private static boolean isIn(KeyedStateHandle handle) {
        return handle instanceof IncrementalRemoteKeyedStateHandle remote
                && remote.getPrivateState().isEmpty();
    }

    /**
     * Begins to read the manifests.
     *
     * @param handles of this backend
     */
    public static CheckpointContents fetch(
            Collection<KeyedStateHandle> handles, VerifiedReader reader, LoadExecutor executor) {
        CheckpointContents contents = new CheckpointContents();
        for (KeyedStateHandle handle : handles) {
            IncrementalRemoteKeyedStateHandle remote = (IncrementalRemoteKeyedStateHandle) handle;
            long bytes = remote.getMetaDataStateHandle().getStateSize();
            contents.wave.add(executor.submit(LoadCause.DEMAND, bytes, () -> read(remote, reader)));
        }
        return contents;
    }

    /**
     * Waits for the manifests.
     *
     * @return one for each handle
     * @throws LazyStateException UNAVAILABLE, CORRUPT, INCOMPATIBLE, CLOSED
     */
    public List<Manifest> manifests() {
        return wave.stream().map(Futures::awaitUninterruptibly).toList();
    }

    private static Manifest read(IncrementalRemoteKeyedStateHandle handle, VerifiedReader reader) {
        StreamStateHandle meta = handle.getMetaDataStateHandle();
        String name = meta.getStreamStateHandleID().getKeyString();
        StoredObject object = new StoredObject(name, meta.getStateSize(), meta);
        return reader.read(
                new ObjectRange(object, 0, object.length()),
                LoadCause.DEMAND,
                bytes -> decode(bytes, handle, object));
    }

    private static Manifest decode(
            byte[] bytes, IncrementalRemoteKeyedStateHandle handle, StoredObject object) {
        Map<String, StoredObject> objects = new HashMap<>();
        for (HandleAndLocalPath file : handle.getSharedState()) {
            objects.put(
                    file.getLocalPath(),
                    new StoredObject(
                            file.getLocalPath(),
                            file.getHandle().getStateSize(),
                            file.getHandle()));
        }
        Function<String, @Nullable StoredObject> find = objects::get;
        return ManifestCodec.decode(bytes, find, Where.object(object.location()));
    }
}
