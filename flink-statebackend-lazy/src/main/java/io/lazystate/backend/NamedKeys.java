package io.lazystate.backend;

import io.lazystate.backend.PreloadKeys.Scope;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.apache.flink.api.common.typeutils.TypeSerializer;
import org.apache.flink.core.memory.DataOutputSerializer;
import org.apache.flink.runtime.state.CompositeKeySerializationUtils;
import org.apache.flink.runtime.state.KeyGroupRangeAssignment;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Asks a job's own code for keys, and turns them into the beginnings of their rows.
 *
 * <p>Threads: one that is made for it, since user code may take any time. Bounds: {@link #MAX_KEYS}
 * keys. Errors: logged; what was named before counts.
 */
final class NamedKeys<K> {
    private static final Logger LOG = LoggerFactory.getLogger(NamedKeys.class);

    /** Of the subtask's own, for each class of the option. */
    static final int MAX_KEYS = 100_000;

    private final Scope scope;
    private final TypeSerializer<K> keySerializer;
    private final int keyGroupPrefixBytes;
    private final DataOutputSerializer out = new DataOutputSerializer(64);
    private int wrong;
    private @Nullable Exception firstWrong;

    /**
     * @param keySerializer of this object's own
     */
    NamedKeys(Scope scope, TypeSerializer<K> keySerializer, int keyGroupPrefixBytes) {
        this.scope = scope;
        this.keySerializer = keySerializer;
        this.keyGroupPrefixBytes = keyGroupPrefixBytes;
    }

    /**
     * The beginnings of the rows of the subtask's keys, by the states that are wanted.
     *
     * @param hooks in the order of the option
     */
    Map<String, Collection<byte[]>> prefixes(Collection<PreloadKeys> hooks) {
        Map<String, Collection<byte[]>> prefixes = new LinkedHashMap<>();
        for (PreloadKeys hook : hooks) {
            List<byte[]> keys = new ArrayList<>();
            try {
                addKeys(hook, keys);
            } catch (Exception | LinkageError e) {
                LOG.warn(
                        "{} failed after {} keys of {}; these are loaded, the others when they are"
                                + " used",
                        hook.getClass().getName(),
                        keys.size(),
                        scope.operator(),
                        e);
            }
            if (firstWrong != null) {
                LOG.warn(
                        "{} named {} keys that are none of {}, and are ignored; name keys of the"
                                + " type that the stream is keyed by",
                        hook.getClass().getName(),
                        wrong,
                        scope.operator(),
                        firstWrong);
            }
            wrong = 0;
            firstWrong = null;
            addTo(prefixes, hook, keys);
        }
        return prefixes;
    }

    private void addKeys(PreloadKeys hook, List<byte[]> keys) throws Exception {
        for (Object key : hook.keys(scope)) {
            if (Thread.currentThread().isInterrupted()) {
                return;
            }
            if (keys.size() >= MAX_KEYS) {
                LOG.warn(
                        "{} named more than {} keys of {}; the others are loaded when they are"
                                + " used",
                        hook.getClass().getName(),
                        MAX_KEYS,
                        scope.operator());
                return;
            }
            try {
                byte[] prefix = prefix(key);
                if (prefix != null) {
                    keys.add(prefix);
                }
            } catch (IOException | RuntimeException e) {
                wrong++;
                firstWrong = firstWrong == null ? e : firstWrong;
            }
        }
    }

    /** Null for a key of another subtask. */
    @SuppressWarnings("unchecked") // what is of another type makes the serializer fail
    private byte @Nullable [] prefix(Object key) throws IOException {
        int keyGroup = KeyGroupRangeAssignment.assignToKeyGroup(key, scope.numberOfKeyGroups());
        if (keyGroup < scope.firstKeyGroup() || keyGroup > scope.lastKeyGroup()) {
            return null;
        }
        out.clear();
        CompositeKeySerializationUtils.writeKeyGroup(keyGroup, keyGroupPrefixBytes, out);
        keySerializer.serialize((K) key, out);
        return out.getCopyOfBuffer();
    }

    private void addTo(
            Map<String, Collection<byte[]>> prefixes, PreloadKeys hook, List<byte[]> keys) {
        try {
            for (String state : scope.states()) {
                if (!keys.isEmpty() && hook.wants(state)) {
                    prefixes.computeIfAbsent(state, s -> new ArrayList<>()).addAll(keys);
                }
            }
        } catch (RuntimeException | LinkageError e) {
            LOG.warn("{} failed to choose states", hook.getClass().getName(), e);
        }
    }
}
