package io.lazystate.restore;

import io.lazystate.error.Kind;
import io.lazystate.error.LazyStateException;
import io.lazystate.error.Where;
import io.lazystate.manifest.Extent;
import io.lazystate.manifest.Manifest;
import io.lazystate.manifest.StateLayout;
import io.lazystate.run.Run;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.apache.flink.annotation.Internal;
import org.apache.flink.runtime.state.KeyGroupRange;
import org.jspecify.annotations.Nullable;

/**
 * Where a subtask's rows lie after a restore, in whatever handles the old subtasks left.
 *
 * <p>Shape: for each state one layout that covers the whole key space; extents of the handles are
 * clipped to the subtask's key groups (Flink hands over whole handles), ranges of which no handle
 * says anything are extents without runs. Pure: no I/O, no RocksDB.
 */
@Internal
public final class RestorePlan {
    private final Map<String, StateLayout> layouts;
    private final Map<Extent, Integer> heat;

    private RestorePlan(Map<String, StateLayout> layouts, Map<Extent, Integer> heat) {
        this.layouts = layouts;
        this.heat = heat;
    }

    /** The layouts by state name, in the order the manifests first name them. */
    public Map<String, StateLayout> layouts() {
        return layouts;
    }

    /**
     * Codes of the extents that were read, as in {@link Manifest#heat}: a part's is the whole's.
     */
    Map<Extent, Integer> heat() {
        return heat;
    }

    /**
     * Plans a restore.
     *
     * @param manifests one of each handle; their key groups do not overlap
     * @param keyGroups the subtask's own
     * @throws LazyStateException INCOMPATIBLE if the maximum parallelism changed its key width,
     *     CORRUPT if two handles claim the same keys
     */
    public static RestorePlan of(
            List<Manifest> manifests, KeyGroupRange keyGroups, int keyGroupPrefixBytes) {
        Map<String, List<Extent>> found = new LinkedHashMap<>();
        Map<Extent, Integer> heat = new HashMap<>();
        for (Manifest manifest : manifests) {
            if (manifest.keyGroupPrefixBytes() != keyGroupPrefixBytes) {
                throw new LazyStateException(
                        Kind.INCOMPATIBLE,
                        Where.NOWHERE,
                        "The checkpoint's keys have key groups of "
                                + manifest.keyGroupPrefixBytes()
                                + " bytes, the job's of "
                                + keyGroupPrefixBytes
                                + ", since the maximum parallelism was changed; set the old one",
                        null);
            }
            int first = Math.max(manifest.firstKeyGroup(), keyGroups.getStartKeyGroup());
            int last = Math.min(manifest.lastKeyGroup(), keyGroups.getEndKeyGroup());
            byte[] lower = prefix(first, keyGroupPrefixBytes);
            byte[] upper = prefixAfter(last, keyGroupPrefixBytes);
            manifest.states()
                    .forEach(
                            (state, layout) -> {
                                List<Extent> own =
                                        found.computeIfAbsent(state, s -> new ArrayList<>());
                                if (first <= last) {
                                    clip(layout, lower, upper)
                                            .forEach(
                                                    (part, whole) -> {
                                                        own.add(part);
                                                        heat.put(part, heatOf(manifest, whole));
                                                    });
                                }
                            });
        }
        Map<String, StateLayout> layouts = new LinkedHashMap<>();
        found.forEach((state, extents) -> layouts.put(state, cover(state, extents)));
        return new RestorePlan(layouts, heat);
    }

    /** The first key a key group can have. */
    public static byte[] prefix(int keyGroup, int bytes) {
        byte[] prefix = new byte[bytes];
        for (int i = 0; i < bytes; i++) {
            prefix[i] = (byte) (keyGroup >>> (8 * (bytes - 1 - i)));
        }
        return prefix;
    }

    /** The first key behind a key group; null if none can be. */
    public static byte @Nullable [] prefixAfter(int keyGroup, int bytes) {
        return keyGroup + 1 == 1 << (8 * bytes) ? null : prefix(keyGroup + 1, bytes);
    }

    private static int heatOf(Manifest manifest, Extent extent) {
        return manifest.heat().getOrDefault(extent, 0);
    }

    /** The part of each extent that lies in the range, and the extent. */
    private static Map<Extent, Extent> clip(
            StateLayout layout, byte[] lower, byte @Nullable [] upper) {
        Map<Extent, Extent> parts = new LinkedHashMap<>();
        for (Extent extent : layout.extents()) {
            if (extent.runs() > 0 && extent.overlaps(lower, upper)) {
                byte[] from = later(extent.lower(), lower);
                byte[] to = earlier(extent.upper(), upper);
                Run base = extent.base();
                parts.put(
                        new Extent(
                                from,
                                to,
                                base != null && touches(base, from, to) ? base : null,
                                extent.deltas().stream()
                                        .filter(delta -> touches(delta, from, to))
                                        .toList()),
                        extent);
            }
        }
        return parts;
    }

    /** Sorts extents and fills the gaps between them, so that they cover the key space. */
    private static StateLayout cover(String state, List<Extent> extents) {
        List<Extent> sorted = new ArrayList<>(extents);
        sorted.sort((a, b) -> Arrays.compareUnsigned(a.lower(), b.lower()));
        List<Extent> all = new ArrayList<>();
        byte @Nullable [] end = {};
        for (Extent extent : sorted) {
            if (end == null || Arrays.compareUnsigned(extent.lower(), end) < 0) {
                throw new LazyStateException(
                        Kind.CORRUPT,
                        Where.state(state),
                        "Two state handles of the checkpoint claim the same keys; restore from an"
                                + " older checkpoint",
                        null);
            }
            if (!Arrays.equals(extent.lower(), end)) {
                all.add(new Extent(end, extent.lower(), null, List.of()));
            }
            all.add(extent);
            end = extent.upper();
        }
        if (end != null) {
            all.add(new Extent(end, null, null, List.of()));
        }
        return StateLayout.of(all);
    }

    private static boolean touches(Run run, byte[] lower, byte @Nullable [] upper) {
        return Arrays.compareUnsigned(run.meta().lastKey(), lower) >= 0
                && (upper == null || Arrays.compareUnsigned(run.meta().firstKey(), upper) < 0);
    }

    private static byte[] later(byte[] a, byte[] b) {
        return Arrays.compareUnsigned(a, b) >= 0 ? a : b;
    }

    private static byte @Nullable [] earlier(byte @Nullable [] a, byte @Nullable [] b) {
        if (a == null || b == null) {
            return a == null ? b : a;
        }
        return Arrays.compareUnsigned(a, b) <= 0 ? a : b;
    }
}
