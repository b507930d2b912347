package io.lazystate.manifest;

import io.lazystate.run.RowBlock;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;
import org.apache.flink.annotation.Internal;

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
 * @param hot the rows that were read most, by the names of their states
 * @param heat the {@link HeatCode} of each extent; 0 if it is not in it
 */
@Internal
public record Manifest(
        byte[] stateMetadata,
        int firstKeyGroup,
        int lastKeyGroup,
        int keyGroupPrefixBytes,
        Map<String, StateLayout> states,
        Map<String, RowBlock> hot,
        Map<Extent, Integer> heat) {

    public Manifest {
        states = Collections.unmodifiableMap(new LinkedHashMap<>(states));
        hot = Map.copyOf(hot);
        heat = Map.copyOf(heat);
    }

    /** The same subtask's, with other states and what goes with them. */
    public Manifest with(
            Map<String, StateLayout> newStates,
            Map<String, RowBlock> newHot,
            Map<Extent, Integer> newHeat) {
        return new Manifest(
                stateMetadata,
                firstKeyGroup,
                lastKeyGroup,
                keyGroupPrefixBytes,
                newStates,
                newHot,
                newHeat);
    }
}
