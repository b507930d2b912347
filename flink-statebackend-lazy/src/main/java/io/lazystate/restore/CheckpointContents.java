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
import java.util.Optional;
import java.util.concurrent.Future;
import java.util.function.Function;
import org.apache.flink.annotation.Internal;
import org.apache.flink.runtime.state.IncrementalKeyedStateHandle.HandleAndLocalPath;
import org.apache.flink.runtime.state.IncrementalRemoteKeyedStateHandle;
import org.apache.flink.runtime.state.KeyedStateHandle;
import org.apache.flink.runtime.state.StreamStateHandle;
import org.jspecify.annotations.Nullable;

/**
 * The manifests of a checkpoint's handles.
 *
 * <p>Cost: one ranged read for each handle, all at once.
 */
@Internal
public final class CheckpointContents {
    private CheckpointContents() {}

    /**
     * Reads the manifests.
     *
     * @return one for each handle; null if the handles are not of this backend, so that another
     *     restore has to be found for them
     * @throws LazyStateException UNAVAILABLE, CORRUPT, INCOMPATIBLE, CLOSED; INVALID if only some
     *     of the handles are of this backend
     */
    public static @Nullable List<Manifest> read(
            Collection<KeyedStateHandle> handles, VerifiedReader reader, LoadExecutor executor) {
        List<Future<@Nullable Manifest>> wave = new ArrayList<>();
        for (KeyedStateHandle handle : handles) {
            if (!(handle instanceof IncrementalRemoteKeyedStateHandle remote)) {
                return null;
            }
            long bytes = remote.getMetaDataStateHandle().getStateSize();
            wave.add(executor.submit(LoadCause.DEMAND, bytes, () -> read(remote, reader)));
        }
        List<Manifest> manifests = new ArrayList<>();
        for (Future<@Nullable Manifest> future : wave) {
            Manifest manifest = Futures.await(future);
            if (manifest != null) {
                manifests.add(manifest);
            }
        }
        if (!manifests.isEmpty() && manifests.size() < handles.size()) {
            throw new LazyStateException(
                    Kind.INVALID,
                    Where.NOWHERE,
                    "Some of the checkpoint's handles were written by this backend and some by"
                            + " another; restore from a checkpoint of one of them",
                    null);
        }
        return manifests.isEmpty() ? null : manifests;
    }

    private static @Nullable Manifest read(
            IncrementalRemoteKeyedStateHandle handle, VerifiedReader reader) {
        StreamStateHandle meta = handle.getMetaDataStateHandle();
        String name = meta.getStreamStateHandleID().getKeyString();
        StoredObject object = new StoredObject(name, meta.getStateSize(), meta);
        return reader.read(
                        new ObjectRange(object, 0, object.length()),
                        LoadCause.DEMAND,
                        bytes -> decode(bytes, handle, object))
                .orElse(null);
    }

    /** The manifest; empty if it is none. */
    private static Optional<Manifest> decode(
            byte[] bytes, IncrementalRemoteKeyedStateHandle handle, StoredObject object) {
        if (!ManifestCodec.isManifest(bytes) && !handle.getPrivateState().isEmpty()) {
            return Optional
                    .empty(); // RocksDB's own list of files is private state, and we have none
        }
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
        return Optional.of(ManifestCodec.decode(bytes, find, Where.object(object.location())));
    }
}
