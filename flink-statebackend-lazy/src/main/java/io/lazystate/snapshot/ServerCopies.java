package io.lazystate.snapshot;

import io.lazystate.error.Kind;
import io.lazystate.error.LazyStateException;
import io.lazystate.run.Run;
import io.lazystate.store.RangedReader;
import io.lazystate.store.StoredObject;
import java.io.IOException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import org.apache.flink.runtime.state.CheckpointStreamFactory;
import org.apache.flink.runtime.state.CheckpointedStateScope;
import org.apache.flink.runtime.state.StateUtil;
import org.apache.flink.runtime.state.StreamStateHandle;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Copies objects whole on the store's own side, where Flink's file system offers it.
 *
 * <p>What the file system says is not believed: Flink's native S3 file system (2.3.0) hands back
 * objects that do not exist. A copy counts only if its page tables, and its last byte, were read
 * back. Cost: one request of the file system for all, one read for each run and object. Threads:
 * one.
 */
final class ServerCopies {
    private static final Logger LOG = LoggerFactory.getLogger(ServerCopies.class);

    private final CheckpointStreamFactory streams;
    private final CheckpointedStateScope scope;
    private final RangedReader reader;

    ServerCopies(
            CheckpointStreamFactory streams, CheckpointedStateScope scope, RangedReader reader) {
        this.streams = streams;
        this.scope = scope;
        this.reader = reader;
    }

    /**
     * Copies what can be copied.
     *
     * @param objects with the runs that are needed of each
     * @param sink becomes the owner of the copies
     * @return the copies, by what they are copies of; the rest has to be streamed
     */
    Map<StoredObject, StoredObject> copy(Map<StoredObject, List<Run>> objects, ObjectSink sink)
            throws IOException {
        List<StoredObject> sources = new ArrayList<>();
        for (Map.Entry<StoredObject, List<Run>> entry : objects.entrySet()) {
            if (isMostlyNeeded(entry.getKey(), entry.getValue())
                    && streams.canFastDuplicate(entry.getKey().handle(), scope)) {
                sources.add(entry.getKey());
            }
        }
        if (sources.isEmpty()) {
            return Map.of();
        }
        List<StreamStateHandle> handles;
        try {
            handles = streams.duplicate(sources.stream().map(StoredObject::handle).toList(), scope);
        } catch (IOException e) {
            LOG.info(
                    "The file system did not copy {} objects: they are streamed",
                    sources.size(),
                    e);
            return Map.of();
        }
        Map<StoredObject, StoredObject> copies = new LinkedHashMap<>();
        for (int i = 0; i < handles.size(); i++) {
            StoredObject source = sources.get(i);
            StoredObject copy =
                    new StoredObject("run-" + UUID.randomUUID(), source.length(), handles.get(i));
            if (isThere(copy, objects.getOrDefault(source, List.of()))) {
                sink.take(copy);
                copies.put(source, copy);
            } else {
                CleanUp.run(() -> StateUtil.discardStateObjectQuietly(copy.handle()));
            }
        }
        if (copies.size() < sources.size()) {
            LOG.info(
                    "{} of {} objects that the file system says it copied could not be read back:"
                            + " they are streamed",
                    sources.size() - copies.size(),
                    sources.size());
        }
        return copies;
    }

    private static boolean isMostlyNeeded(StoredObject object, List<Run> runs) {
        long needed = runs.stream().mapToLong(run -> run.meta().regionBytes()).sum();
        return 2 * needed > object.length();
    }

    private boolean isThere(StoredObject copy, List<Run> runs) {
        try {
            for (Run run : runs) {
                Run copied = run.in(copy);
                int length = run.meta().pageTableBytes();
                byte[] stored = reader.read(copy, copied.pageTableOffset(), length);
                copied.installPageTable(stored, copy.where(copied.pageTableOffset(), length));
            }
            reader.read(copy, copy.length() - 1, 1);
            return true;
        } catch (LazyStateException e) {
            if (e.kind() == Kind.CLOSED) {
                throw e;
            }
            LOG.debug("A copy is not what it is a copy of", e);
            return false;
        }
    }
}
