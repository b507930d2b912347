package io.lazystate.backend;

import io.lazystate.error.Where;
import io.lazystate.manifest.Extent;
import io.lazystate.manifest.Manifest;
import io.lazystate.manifest.ManifestCodec;
import io.lazystate.run.Run;
import io.lazystate.store.StoredObject;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.apache.flink.core.fs.FSDataInputStream;
import org.apache.flink.runtime.state.IncrementalKeyedStateHandle.HandleAndLocalPath;
import org.apache.flink.runtime.state.IncrementalRemoteKeyedStateHandle;
import org.apache.flink.runtime.state.KeyedStateHandle;
import org.apache.flink.runtime.state.PlaceholderStreamStateHandle;
import org.apache.flink.runtime.state.StreamStateHandle;

/** What lies behind the handle of a checkpoint: its manifest, its files, and where they are. */
final class WrittenCheckpoint {
    private final IncrementalRemoteKeyedStateHandle handle;

    WrittenCheckpoint(KeyedStateHandle handle) {
        this.handle = (IncrementalRemoteKeyedStateHandle) handle;
    }

    Manifest manifest() throws IOException {
        Map<String, StoredObject> objects = new HashMap<>();
        for (HandleAndLocalPath file : handle.getSharedState()) {
            StreamStateHandle shared = file.getHandle();
            objects.put(
                    file.getLocalPath(),
                    new StoredObject(file.getLocalPath(), shared.getStateSize(), shared));
        }
        StreamStateHandle meta = handle.getMetaDataStateHandle();
        try (FSDataInputStream in = meta.openInputStream()) {
            return ManifestCodec.decode(in.readAllBytes(), objects::get, Where.NOWHERE);
        }
    }

    /** The extents of a state that have runs. */
    List<Extent> extents(String state) throws IOException {
        List<Extent> extents = new ArrayList<>(manifest().states().get(state).extents());
        extents.removeIf(extent -> extent.runs() == 0);
        return extents;
    }

    /** Every run of a state, once. */
    List<Run> runs(String state) throws IOException {
        return manifest().states().get(state).runs();
    }

    long manifestBytes() {
        return handle.getMetaDataStateHandle().getStateSize();
    }

    Path manifestFile() {
        return file(handle.getMetaDataStateHandle());
    }

    /** Files that this checkpoint wrote, without its manifest. */
    Set<Path> newFiles() {
        Set<Path> files = new LinkedHashSet<>();
        for (HandleAndLocalPath shared : handle.getSharedState()) {
            if (!(shared.getHandle() instanceof PlaceholderStreamStateHandle)) {
                files.add(file(shared.getHandle()));
            }
        }
        return files;
    }

    /** How many files of earlier checkpoints it refers to. */
    long placeholders() {
        return handle.getSharedState().stream()
                .filter(file -> file.getHandle() instanceof PlaceholderStreamStateHandle)
                .count();
    }

    /** All files of a handle, also those of other kinds, that are not inlined. */
    static Set<Path> files(KeyedStateHandle handle) {
        Set<Path> files = new LinkedHashSet<>();
        if (handle instanceof IncrementalRemoteKeyedStateHandle incremental) {
            incremental
                    .streamSubHandles()
                    .forEach(
                            file ->
                                    file.maybeGetPath()
                                            .ifPresent(p -> files.add(Path.of(p.getPath()))));
        } else if (handle instanceof StreamStateHandle stream) {
            stream.maybeGetPath().ifPresent(p -> files.add(Path.of(p.getPath())));
        }
        return files;
    }

    static Path file(StreamStateHandle handle) {
        return Path.of(handle.maybeGetPath().orElseThrow().getPath());
    }
}
