package io.lazystate.edge;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Iterator;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.NavigableMap;
import java.util.Set;
import java.util.TreeMap;
import java.util.function.IntUnaryOperator;
import org.jspecify.annotations.Nullable;

/**
 * What the cache has, and what leaves it for something else.
 *
 * <p>Shape: pages are kept by a segmented LRU: new ones on probation, those that were used again
 * protected, up to 80 % of all bytes. Bulk leaves before any page, and never pushes one out, so
 * that reading everything once leaves the pages that are in use. Which bulk leaves is drawn: it is
 * read in turns, each restart the same, and if it does not fit, the one that was used longest ago
 * is the one that is wanted next. Bounds: bytes on disk, in blocks of 4 KB, those that are being
 * written included; and {@link #MAX_ENTRIES}, of some 300 bytes of heap each. Threads: any.
 */
final class EdgeIndex {
    static final int MAX_ENTRIES = 1 << 17;

    private static final double PROTECTED_SHARE = 0.8;

    private final IntUnaryOperator draw;
    private final Map<String, NavigableMap<Long, EdgeEntry>> pages = new HashMap<>();
    private final Map<String, NavigableMap<Long, EdgeEntry>> bulks = new HashMap<>();
    private final LinkedHashSet<EdgeEntry> probation = new LinkedHashSet<>();
    private final LinkedHashSet<EdgeEntry> inUse = new LinkedHashSet<>();
    private final List<EdgeEntry> bulk = new ArrayList<>();
    private final Map<EdgeEntry, Integer> bulkPlaces = new HashMap<>();
    private final Set<Place> coming = new HashSet<>();

    /** Where an entry begins; at each place is one of them. */
    private record Place(String file, long offset, boolean bulk) {
        static Place of(EdgeEntry entry) {
            return new Place(entry.file(), entry.offset(), entry.bulk());
        }
    }

    private long maxBytes;
    private long inUseBytes;
    private long bulkBytes;
    private long comingBytes;
    private long bytes;

    /**
     * @param draw a number from 0 on, below the one given
     */
    EdgeIndex(long maxBytes, IntUnaryOperator draw) {
        this.maxBytes = maxBytes;
        this.draw = draw;
    }

    /** Raises the bound, if it is lower. */
    synchronized void raise(long newMaxBytes) {
        maxBytes = Math.max(maxBytes, newMaxBytes);
    }

    /** Bytes on disk, with what is being written. */
    synchronized long bytes() {
        return bytes;
    }

    /** What is found, and whether this is the first time that it is used again. */
    record Found(EdgeEntry entry, boolean first) {}

    /** Some entry with all of these bytes, which counts as used; null if there is none. */
    synchronized @Nullable Found find(EdgeEntry wanted) {
        EdgeEntry entry = covering(pages, wanted);
        if (entry == null) {
            entry = covering(bulks, wanted);
            return entry == null ? null : new Found(entry, false);
        }
        boolean first = probation.remove(entry);
        if (first) {
            inUseBytes += entry.diskBytes();
        } else {
            inUse.remove(entry);
        }
        inUse.add(entry);
        demote();
        return new Found(entry, first);
    }

    private static @Nullable EdgeEntry covering(
            Map<String, NavigableMap<Long, EdgeEntry>> files, EdgeEntry wanted) {
        NavigableMap<Long, EdgeEntry> ofFile = files.get(wanted.file());
        Map.Entry<Long, EdgeEntry> below =
                ofFile == null ? null : ofFile.floorEntry(wanted.offset());
        return below != null && below.getValue().covers(wanted) ? below.getValue() : null;
    }

    private void demote() {
        Iterator<EdgeEntry> oldest = inUse.iterator();
        while (inUseBytes > PROTECTED_SHARE * maxBytes && inUse.size() > 1) {
            EdgeEntry entry = oldest.next();
            oldest.remove();
            inUseBytes -= entry.diskBytes();
            probation.add(entry);
        }
    }

    /**
     * Reserves room for an entry, whose file is then written and {@link #arrived}, or {@link
     * #failed}.
     *
     * @return entries that are no more, whose files are to be deleted first; null if there is no
     *     room for it, or no need
     */
    synchronized @Nullable List<EdgeEntry> makeRoom(EdgeEntry entry) {
        Map<String, NavigableMap<Long, EdgeEntry>> files = entry.bulk() ? bulks : pages;
        if (covering(files, entry) != null || coming.contains(Place.of(entry))) {
            return null;
        }
        long mayLeave = entry.bulk() ? bulkBytes : bytes - comingBytes;
        if (bytes - mayLeave + entry.diskBytes() > maxBytes
                || (entry.bulk() && bulk.isEmpty() && entries() >= MAX_ENTRIES)) {
            return null;
        }
        List<EdgeEntry> gone = new ArrayList<>();
        NavigableMap<Long, EdgeEntry> ofFile = files.get(entry.file());
        EdgeEntry shorter = ofFile == null ? null : ofFile.get(entry.offset());
        if (shorter != null) {
            remove(shorter);
            gone.add(shorter);
        }
        while (bytes + entry.diskBytes() > maxBytes || entries() >= MAX_ENTRIES) {
            EdgeEntry victim = victim();
            remove(victim);
            gone.add(victim);
        }
        coming.add(Place.of(entry));
        comingBytes += entry.diskBytes();
        bytes += entry.diskBytes();
        return gone;
    }

    private int entries() {
        return probation.size() + inUse.size() + bulk.size() + coming.size();
    }

    private EdgeEntry victim() {
        if (!bulk.isEmpty()) {
            return bulk.get(draw.applyAsInt(bulk.size()));
        }
        return (probation.isEmpty() ? inUse : probation).iterator().next();
    }

    /** The file of an entry for which room was made is there. */
    synchronized void arrived(EdgeEntry entry) {
        failed(entry);
        bytes += entry.diskBytes();
        Map<String, NavigableMap<Long, EdgeEntry>> files = entry.bulk() ? bulks : pages;
        files.computeIfAbsent(entry.file(), file -> new TreeMap<>()).put(entry.offset(), entry);
        if (entry.bulk()) {
            bulkPlaces.put(entry, bulk.size());
            bulk.add(entry);
            bulkBytes += entry.diskBytes();
        } else {
            probation.add(entry);
        }
    }

    /** There will be no file of an entry for which room was made. */
    synchronized void failed(EdgeEntry entry) {
        coming.remove(Place.of(entry));
        comingBytes -= entry.diskBytes();
        bytes -= entry.diskBytes();
    }

    /** Forgets an entry, if it is there; returns whether it was. */
    synchronized boolean remove(EdgeEntry entry) {
        Map<String, NavigableMap<Long, EdgeEntry>> files = entry.bulk() ? bulks : pages;
        NavigableMap<Long, EdgeEntry> ofFile = files.get(entry.file());
        if (ofFile == null || !ofFile.remove(entry.offset(), entry)) {
            return false;
        }
        if (ofFile.isEmpty()) {
            files.remove(entry.file());
        }
        bytes -= entry.diskBytes();
        if (entry.bulk()) {
            removeBulk(entry);
        } else if (!probation.remove(entry)) {
            inUse.remove(entry);
            inUseBytes -= entry.diskBytes();
        }
        return true;
    }

    private void removeBulk(EdgeEntry entry) {
        Integer place = bulkPlaces.remove(entry);
        EdgeEntry last = bulk.remove(bulk.size() - 1);
        if (place != null && !last.equals(entry)) {
            bulk.set(place, last);
            bulkPlaces.put(last, place);
        }
        bulkBytes -= entry.diskBytes();
    }
}
