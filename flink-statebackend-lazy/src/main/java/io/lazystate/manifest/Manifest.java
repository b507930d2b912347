package io.lazystate.manifest;

import io.lazystate.run.Run;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;
import org.apache.flink.annotation.Internal;
import org.jspecify.annotations.Nullable;

/**
 * What one subtask's checkpoint needs to be restored.
 *
 * <p>Immutable, any thread; the array is not copied and must not change.
 *
 * @param stateMetadata opaque here: Flink's serialized key serializer and state meta information
 * @param firstKeyGroup first key group of the subtask
 * @param lastKeyGroup last key group of the subtask, inclusive
 * @param keyGroupPrefixBytes bytes that the key group takes at the start of each key, 1 or 2
 * @param states layout by state name; iterates in the order given
 * @param hot the rows that were read most, of all states: their keys have the state's place in
 *     {@code states}, two bytes, big endian, before them; null if there are none
 * @param heat the {@link HeatCode} of each extent; 0 if it is not in it
 */
@Internal
public record Manifest(
        byte[] stateMetadata,
        int firstKeyGroup,
        int lastKeyGroup,
        int keyGroupPrefixBytes,
        Map<String, StateLayout> states,
        @Nullable Run hot,
        Map<Extent, Integer> heat) {

    /** Bytes of the state's place before the key of a hot row. */
    public static final int HOT_PREFIX_BYTES = 2;

    public Manifest {
        states = Collections.unmodifiableMap(new LinkedHashMap<>(states));
        heat = Map.copyOf(heat);
    }
}
