package io.lazystate.loading;

import io.lazystate.run.Run;
import io.lazystate.store.StoredObject;
import java.util.Collection;
import java.util.HashMap;
import java.util.Map;
import java.util.NavigableMap;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * Extents by where their base runs lie, to find those that one ranged read fetches together.
 *
 * <p>Only extents whose base run is fetched as it is; of whatever state. Threads: one.
 */
final class Neighbours {
    /** A stretch of one object that is read in one go. */
    record Span(StoredObject object, long start, long end) {
        static Span of(Run run) {
            return new Span(run.object(), run.offset(), run.offset() + run.meta().tableBytes());
        }

        /** This one and another, of the same object. */
        Span with(Span other) {
            return new Span(object, Math.min(start, other.start), Math.max(end, other.end));
        }

        long bytes() {
            return end - start;
        }
    }

    /** Bytes between two tables that are fetched for nothing: page tables and filters lie there. */
    private static final long MOST_GAP_BYTES = 64 << 10;

    private final Map<StoredObject, NavigableMap<Long, ColdExtent>> byPlace = new HashMap<>();
    private final long mostBytes;

    /**
     * @param mostBytes of a span; 0 to join nothing
     */
    Neighbours(Collection<ColdExtent> extents, long mostBytes) {
        this.mostBytes = mostBytes;
        for (ColdExtent cold : extents) {
            Run base = cold.wholeBase();
            if (base != null && base.meta().tableBytes() < mostBytes) {
                byPlace.computeIfAbsent(base.object(), o -> new TreeMap<>())
                        .put(base.offset(), cold);
            }
        }
    }

    void remove(ColdExtent cold) {
        Run base = cold.wholeBase();
        NavigableMap<Long, ColdExtent> inObject = base == null ? null : byPlace.get(base.object());
        if (base != null && inObject != null) {
            inObject.remove(base.offset(), cold);
        }
    }

    /** An extent that can be fetched with this span: the next behind it, else that before it. */
    @Nullable ColdExtent next(Span span) {
        NavigableMap<Long, ColdExtent> inObject = byPlace.get(span.object());
        if (inObject == null) {
            return null;
        }
        ColdExtent behind = fitting(span, inObject.higherEntry(span.start()));
        return behind != null ? behind : fitting(span, inObject.lowerEntry(span.start()));
    }

    private @Nullable ColdExtent fitting(Span span, Map.@Nullable Entry<Long, ColdExtent> entry) {
        Run base = entry == null ? null : entry.getValue().wholeBase();
        if (entry == null || base == null) {
            return null;
        }
        Span other = Span.of(base);
        long gap = Math.max(other.start() - span.end(), span.start() - other.end());
        return gap <= MOST_GAP_BYTES && span.with(other).bytes() <= mostBytes
                ? entry.getValue()
                : null;
    }
}
