package io.lazystate.metrics;

import static io.lazystate.metrics.Gauges.gauge;

import java.util.Collections;
import java.util.EnumMap;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.LongAdder;
import java.util.function.LongSupplier;
import org.apache.flink.annotation.Internal;
import org.apache.flink.metrics.Gauge;
import org.apache.flink.metrics.Histogram;
import org.apache.flink.metrics.MetricGroup;
import org.apache.flink.runtime.metrics.DescriptiveStatisticsHistogram;

/**
 * Counts what one keyed backend loads, and for whom.
 *
 * <p>Shape: monotonic counters, registered under the names of their methods, and few others. Units:
 * pages, extents, bytes as fetched from the store, or calls. Threads: any.
 */
@Internal
public final class LoadingMetrics {
    /** Of the last faults: 8 KB. */
    private static final int LATENCIES_KEPT = 1_000;

    private final LongAdder faults = new LongAdder();
    private final LongAdder pagesLoaded = new LongAdder();
    private final LongAdder bytesRead = new LongAdder();
    private final LongAdder coldWrites = new LongAdder();
    private final LongAdder extentCrossings = new LongAdder();
    private final LongAdder extentsLinked = new LongAdder();
    private final LongAdder filteredReads = new LongAdder();
    private final LongAdder hotRowsLoaded = new LongAdder();
    private final LongAdder hotReads = new LongAdder();
    private final LongAdder evictions = new LongAdder();
    private final LongAdder overlayDrops = new LongAdder();
    private final LongAdder heldBackNanos = new LongAdder();
    private final LongAdder aheadUsed = new LongAdder();
    private final LongAdder aheadUnused = new LongAdder();
    private final LongAdder timersPredicted = new LongAdder();
    private final LongAdder pageCacheHits = new LongAdder();
    private final LongAdder pageCacheMisses = new LongAdder();
    private final LongAdder edgeHits = new LongAdder();
    private final LongAdder edgeHitBytes = new LongAdder();
    private final LongAdder edgeMisses = new LongAdder();
    private final LongAdder edgeDamaged = new LongAdder();
    private final LongAdder replicaReads = new LongAdder();
    private final LongAdder pendingPages = new LongAdder();
    private final LongAdder pendingIndexes = new LongAdder();
    private final LongAdder stallNanos = new LongAdder();
    private final Histogram latencyMillis = new DescriptiveStatisticsHistogram(LATENCIES_KEPT);
    private final RecoveryMetrics recovery = new RecoveryMetrics(System::nanoTime);
    private final StoreMetrics store = new StoreMetrics();
    private final Map<LoadCause, LongAdder> pages = adders();
    private final Map<LoadCause, LongAdder> bytes = adders();

    private static Map<LoadCause, LongAdder> adders() {
        Map<LoadCause, LongAdder> adders = new EnumMap<>(LoadCause.class);
        for (LoadCause cause : LoadCause.values()) {
            adders.put(cause, new LongAdder());
        }
        return Collections.unmodifiableMap(adders);
    }

    /** Notes what came from the store or the edge cache. */
    public void loaded(LoadCause cause, long newPages, long newBytes) {
        pagesLoaded.add(newPages);
        bytesRead.add(newBytes);
        pages(cause).add(newPages);
        bytes(cause).add(newBytes);
    }

    /** The part of {@link #pagesLoaded} that was loaded for this. */
    public LongAdder pages(LoadCause cause) {
        return Objects.requireNonNull(pages.get(cause));
    }

    /** The part of {@link #bytesRead} that was loaded for this. */
    public LongAdder bytes(LoadCause cause) {
        return Objects.requireNonNull(bytes.get(cause));
    }

    /** Notes that the task has waited for the store. */
    public void waited(long nanos) {
        stallNanos.add(nanos);
        latencyMillis.update(TimeUnit.NANOSECONDS.toMillis(nanos));
    }

    /** Nanoseconds that the task has waited for the store. */
    public LongAdder stallNanos() {
        return stallNanos;
    }

    /** How the backend came up. */
    public RecoveryMetrics recovery() {
        return recovery;
    }

    /** What the store was asked more than once. */
    public StoreMetrics store() {
        return store;
    }

    /** Pages that are being fetched, or wait for their turn. */
    public LongAdder pendingPages() {
        return pendingPages;
    }

    /** Page tables and filters that are being fetched, or wait for their turn. */
    public LongAdder pendingIndexes() {
        return pendingIndexes;
    }

    /** Waves of ranged reads that a state access waited for. */
    public LongAdder faults() {
        return faults;
    }

    /** Pages that came from the store or the edge cache, one by one or inside a linked file. */
    public LongAdder pagesLoaded() {
        return pagesLoaded;
    }

    /** Bytes that came from the store or the edge cache for pages, indexes and linked files. */
    public LongAdder bytesRead() {
        return bytesRead;
    }

    /** Writes to keys of cold extents. */
    public LongAdder coldWrites() {
        return coldWrites;
    }

    /** Times an iterator went on from a cold extent into the next one. */
    public LongAdder extentCrossings() {
        return extentCrossings;
    }

    /** Extents whose files were linked into the local database. */
    public LongAdder extentsLinked() {
        return extentsLinked;
    }

    /** Reads of cold keys that filters and first keys answered without a page. */
    public LongAdder filteredReads() {
        return filteredReads;
    }

    /** Hot rows that a restore brought along. */
    public LongAdder hotRowsLoaded() {
        return hotRowsLoaded;
    }

    /** Reads of cold keys that hot rows answered. */
    public LongAdder hotReads() {
        return hotReads;
    }

    /** Extents that were evicted from the local database. */
    public LongAdder evictions() {
        return evictions;
    }

    /** Generations of rows written to cold extents that were given back. */
    public LongAdder overlayDrops() {
        return overlayDrops;
    }

    /** Nanoseconds that writes were held back since the local disk was at its limit. */
    public LongAdder heldBackNanos() {
        return heldBackNanos;
    }

    /** Pages that were predicted, and used before they left the cache. */
    public LongAdder aheadUsed() {
        return aheadUsed;
    }

    /** Pages that were predicted, and left the cache unused. */
    public LongAdder aheadUnused() {
        return aheadUnused;
    }

    /** Timers whose rows were looked for before they fired. */
    public LongAdder timersPredicted() {
        return timersPredicted;
    }

    /** The share of the predicted pages that were used; 1 while none is decided. */
    public double preloadEffectiveness() {
        long used = aheadUsed.sum();
        long decided = used + aheadUnused.sum();
        return decided == 0 ? 1.0 : (double) used / (double) decided;
    }

    /** Pages of cold state that an access found decoded on the heap. */
    public LongAdder pageCacheHits() {
        return pageCacheHits;
    }

    /** Pages of cold state that an access had to wait for. */
    public LongAdder pageCacheMisses() {
        return pageCacheMisses;
    }

    /** Notes what the edge cache had. */
    public void edgeHit(long hitBytes) {
        edgeHits.increment();
        edgeHitBytes.add(hitBytes);
    }

    /** Ranges and files that the edge cache had. */
    public LongAdder edgeHits() {
        return edgeHits;
    }

    /** The part of {@link #bytesRead} that came from the edge cache. */
    public LongAdder edgeHitBytes() {
        return edgeHitBytes;
    }

    /** Ranges and files that the edge cache had not, and might have. */
    public LongAdder edgeMisses() {
        return edgeMisses;
    }

    /** Entries of the edge cache that failed their check, and were dropped. */
    public LongAdder edgeDamaged() {
        return edgeDamaged;
    }

    /** Ranges and files that came from a replica. */
    public LongAdder replicaReads() {
        return replicaReads;
    }

    /**
     * Registers the counters, and gauges for what the paging layer knows.
     *
     * @param pagesTotal pages of all runs of the live extents
     * @param residentBytes stored bytes of the resident extents' runs
     * @param totalBytes stored bytes of all live extents' runs
     */
    public void register(
            MetricGroup group,
            LongSupplier pagesTotal,
            LongSupplier residentBytes,
            LongSupplier totalBytes) {
        gauge(group, "faults", faults::sum);
        gauge(group, "pagesLoaded", pagesLoaded::sum);
        gauge(group, "bytesRead", bytesRead::sum);
        gauge(group, "coldWrites", coldWrites::sum);
        gauge(group, "extentCrossings", extentCrossings::sum);
        gauge(group, "extentsLinked", extentsLinked::sum);
        gauge(group, "filteredReads", filteredReads::sum);
        gauge(group, "hotRowsLoaded", hotRowsLoaded::sum);
        gauge(group, "hotReads", hotReads::sum);
        gauge(group, "evictions", evictions::sum);
        gauge(group, "overlayDrops", overlayDrops::sum);
        gauge(group, "heldBackTimeMs", () -> TimeUnit.NANOSECONDS.toMillis(heldBackNanos.sum()));
        gauge(group, "timersPredicted", timersPredicted::sum);
        group.gauge("preloadEffectiveness", (Gauge<Double>) this::preloadEffectiveness);
        gauge(group, "edgeCacheHits", edgeHits::sum);
        gauge(group, "edgeCacheHitBytes", edgeHitBytes::sum);
        gauge(group, "edgeCacheMisses", edgeMisses::sum);
        gauge(group, "edgeCacheDamaged", edgeDamaged::sum);
        gauge(group, "replicaReads", replicaReads::sum);
        group.gauge("cacheHitRateHot", (Gauge<Double>) this::hotHitRate);
        group.gauge("cacheHitRateEdge", (Gauge<Double>) this::edgeHitRate);
        gauge(group, "pagesTotal", pagesTotal);
        gauge(group, "pendingPages", pendingPages::sum);
        gauge(group, "pendingIndexes", pendingIndexes::sum);
        gauge(group, "stallTimeMs", () -> TimeUnit.NANOSECONDS.toMillis(stallNanos.sum()));
        group.histogram("stateLoadingLatencyMs", latencyMillis);
        recovery.register(group);
        store.register(group);
        for (LoadCause cause : LoadCause.values()) {
            gauge(group, "pagesLoaded" + cause.metricSuffix(), pages(cause)::sum);
            gauge(group, "bytesRead" + cause.metricSuffix(), bytes(cause)::sum);
        }
        group.gauge(
                "residentFraction",
                (Gauge<Double>)
                        () -> {
                            long total = totalBytes.getAsLong();
                            return total == 0
                                    ? 1.0
                                    : (double) residentBytes.getAsLong() / (double) total;
                        });
    }

    /** The share of what accesses to cold keys needed that was on the heap; 1 of nothing. */
    double hotHitRate() {
        return share(hotReads.sum() + pageCacheHits.sum(), pageCacheMisses.sum());
    }

    /** The share of what was asked of the edge cache that it had; 1 of nothing. */
    double edgeHitRate() {
        return share(edgeHits.sum(), edgeMisses.sum());
    }

    private static double share(long hits, long misses) {
        return hits + misses == 0 ? 1 : (double) hits / (double) (hits + misses);
    }
}
