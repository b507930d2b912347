package io.lazystate.manifest;

import io.lazystate.run.ByteReader;
import io.lazystate.run.ByteWriter;
import io.lazystate.run.PageTable;
import io.lazystate.run.Run;
import io.lazystate.run.RunMeta;
import io.lazystate.store.StoredObject;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/** The body of a manifest, version 1; the bytes are spelled out in {@code package-info}. */
final class ManifestV1 {

    static final int VERSION = 1;

    /** A run in the fewest bytes: numbers and checksums, keys, no inlined page table. */
    private static final int MIN_RUN_BYTES = 24;

    private ManifestV1() {}

    /** A body, and its runs in the order of their numbers. */
    record Body(Manifest manifest, List<Run> runs) {}

    static void write(Manifest manifest, RunTable runs, ByteWriter out) {
        out.varint(manifest.firstKeyGroup());
        out.varint(manifest.lastKeyGroup());
        out.u8(manifest.keyGroupPrefixBytes());
        out.varint(manifest.stateMetadata().length);
        out.raw(manifest.stateMetadata());
        writeObjects(runs, out);
        writeRuns(runs, out);
        out.varint(manifest.states().size());
        for (Map.Entry<String, StateLayout> state : manifest.states().entrySet()) {
            out.string(state.getKey());
            writeExtents(state.getValue().extents(), runs, out);
        }
    }

    static Manifest read(ByteReader in, Function<String, @Nullable StoredObject> lookup) {
        Body body = readBody(in, lookup);
        in.end();
        return body.manifest();
    }

    static Body readBody(ByteReader in, Function<String, @Nullable StoredObject> lookup) {
        int firstKeyGroup = in.varint();
        int lastKeyGroup = in.varint();
        int keyGroupPrefixBytes = in.u8();
        byte[] stateMetadata = in.raw(in.count(1));
        List<StoredObject> objects = readObjects(in, lookup);
        List<Run> runs = readRuns(in, objects);
        int states = in.count(2);
        Map<String, StateLayout> layouts = new LinkedHashMap<>();
        for (int i = 0; i < states; i++) {
            String name = in.string();
            if (layouts.put(name, readExtents(in, runs)) != null) {
                throw in.corrupt("state '" + name + "' occurs twice");
            }
        }
        return new Body(
                new Manifest(
                        stateMetadata,
                        firstKeyGroup,
                        lastKeyGroup,
                        keyGroupPrefixBytes,
                        layouts,
                        Map.of(),
                        Map.of()),
                runs);
    }

    private static void writeObjects(RunTable runs, ByteWriter out) {
        out.varint(runs.objects().size());
        for (StoredObject object : runs.objects()) {
            out.string(object.name());
            out.varint(object.length());
        }
    }

    private static List<StoredObject> readObjects(
            ByteReader in, Function<String, @Nullable StoredObject> lookup) {
        int count = in.count(2);
        List<StoredObject> objects = new ArrayList<>(count);
        for (int i = 0; i < count; i++) {
            String name = in.string();
            long length = in.varlong();
            StoredObject object = lookup.apply(name);
            if (object == null) {
                throw in.corrupt("object " + name + " is missing from the handle");
            }
            if (object.length() != length) {
                throw in.corrupt(
                        "object "
                                + object.location()
                                + " has "
                                + object.length()
                                + " bytes, not "
                                + length);
            }
            objects.add(object);
        }
        return objects;
    }

    private static void writeRuns(RunTable runs, ByteWriter out) {
        out.varint(runs.runs().size());
        byte[] previous = {};
        for (Run run : runs.runs()) {
            RunMeta meta = run.meta();
            out.varint(runs.indexOf(run.object()));
            out.varint(run.offset());
            out.varint(meta.tableBytes());
            out.u32(meta.tableCrc32c());
            out.varint(meta.rows());
            out.key(previous, meta.firstKey());
            out.key(meta.firstKey(), meta.lastKey());
            out.varint(meta.pageCount());
            out.varint(meta.pageTableBytes());
            out.u32(meta.pageTableCrc32c());
            out.varint(meta.filterBytes());
            out.u32(meta.filterCrc32c());
            byte[] inlined = runs.inlined(run);
            out.varint(inlined.length);
            out.raw(inlined);
            previous = meta.lastKey();
        }
    }

    private static List<Run> readRuns(ByteReader in, List<StoredObject> objects) {
        int count = in.count(MIN_RUN_BYTES);
        List<Run> runs = new ArrayList<>(count);
        byte[] previous = {};
        for (int i = 0; i < count; i++) {
            StoredObject object = element(in, objects, in.varint());
            long offset = in.varlong();
            RunMeta meta = readMeta(in, previous);
            if (meta.regionBytes() > object.length() - offset) {
                throw in.corrupt("run " + i + " does not fit object " + object.location());
            }
            runs.add(new Run(object, offset, meta, readPageTable(in, meta)));
            previous = meta.lastKey();
        }
        return runs;
    }

    private static @Nullable PageTable readPageTable(ByteReader in, RunMeta meta) {
        byte[] inlined = in.raw(in.count(1));
        if (inlined.length == 0) {
            return null;
        }
        PageTable pageTable = PageTable.fromBytes(inlined, in.where());
        if (pageTable.pages() != meta.pageCount()) {
            throw in.corrupt("a page table has not as many pages as its run");
        }
        return pageTable;
    }

    private static RunMeta readMeta(ByteReader in, byte[] previous) {
        long tableBytes = in.varlong();
        int tableCrc32c = in.u32();
        long rows = in.varlong();
        byte[] firstKey = in.key(previous);
        byte[] lastKey = in.key(firstKey);
        int pageCount = in.varint();
        int pageTableBytes = in.varint();
        int pageTableCrc32c = in.u32();
        int filterBytes = in.varint();
        int filterCrc32c = in.u32();
        return new RunMeta(
                tableBytes,
                tableCrc32c,
                rows,
                firstKey,
                lastKey,
                pageCount,
                pageTableBytes,
                pageTableCrc32c,
                filterBytes,
                filterCrc32c);
    }

    private static void writeExtents(List<Extent> extents, RunTable runs, ByteWriter out) {
        out.varint(extents.size());
        byte[] previous = {};
        for (Extent extent : extents) {
            Run base = extent.base();
            out.varint(base == null ? 0 : runs.indexOf(base) + 1);
            // An extent mostly begins with the first row of its base.
            out.key(base == null ? previous : base.meta().firstKey(), extent.lower());
            out.varint(extent.deltas().size());
            for (Run delta : extent.deltas()) {
                out.varint(runs.indexOf(delta));
            }
            previous = extent.lower();
        }
    }

    private static StateLayout readExtents(ByteReader in, List<Run> runs) {
        int count = in.count(4);
        if (count == 0) {
            throw in.corrupt("a state has no extent");
        }
        List<Extent> extents = new ArrayList<>(count);
        // An extent ends where the next one begins, so each waits for the one behind it.
        byte[] lower = {};
        Run base = null;
        List<Run> deltas = List.of();
        for (int i = 0; i < count; i++) {
            int baseIndex = in.varint();
            Run nextBase = baseIndex == 0 ? null : element(in, runs, baseIndex - 1);
            byte[] nextLower = in.key(nextBase == null ? lower : nextBase.meta().firstKey());
            List<Run> nextDeltas = readDeltas(in, runs);
            if (i == 0 ? nextLower.length > 0 : Arrays.compareUnsigned(lower, nextLower) >= 0) {
                throw in.corrupt("extent " + i + " is out of order");
            }
            if (i > 0) {
                extents.add(new Extent(lower, nextLower, base, deltas));
            }
            lower = nextLower;
            base = nextBase;
            deltas = nextDeltas;
        }
        extents.add(new Extent(lower, null, base, deltas));
        return StateLayout.of(extents);
    }

    private static List<Run> readDeltas(ByteReader in, List<Run> runs) {
        int count = in.count(1);
        List<Run> deltas = new ArrayList<>(count);
        for (int i = 0; i < count; i++) {
            deltas.add(element(in, runs, in.varint()));
        }
        return deltas;
    }

    static <T> T element(ByteReader in, List<T> list, int index) {
        if (index >= list.size()) {
            throw in.corrupt("index " + index + " in a table of " + list.size());
        }
        return list.get(index);
    }
}
