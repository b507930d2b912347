package io.lazystate.it;

import static org.assertj.core.api.Assertions.assertThat;

import io.lazystate.backend.LazyStateOptions;
import java.nio.file.Path;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.regex.MatchResult;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.apache.flink.api.common.JobID;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.configuration.MemorySize;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What Flink's REST API tells of a job that was restored and is warm. */
class MetricsOverRestIT {
    private static final String COMPLETED = "3";
    private static final int PATIENCE_SECONDS = 120;
    private static final Pattern VERTEX = Pattern.compile("\"id\":\"([0-9a-f]{32})\"");
    private static final Pattern ID = Pattern.compile("\"id\":\"([^\"]+)\"");
    private static final Pattern VALUE =
            Pattern.compile("\"id\":\"([^\"]+)\",\"value\":\"([^\"]*)\"");

    @TempDir Path directory;

    @Test
    void everyMetricOfLoadingCanBeRead() throws Exception {
        String checkpoints = directory.toUri().toString();
        LedgerJob.Execution failing = new LedgerJob.Execution("rest", 1, LedgerJob.NEVER, 2_000);
        LedgerJob.Execution staying =
                new LedgerJob.Execution("rest", 1, LedgerJob.NEVER, LedgerJob.NEVER);
        try (LedgerCluster cluster = LedgerCluster.start("LAZY", edgeCache())) {
            String checkpoint = cluster.run(checkpoints, failing).latestCheckpoint();
            JobID job = cluster.resumeAndStay(checkpoint, checkpoints, staying);
            Map<String, String> metrics = warm(cluster, job);
            cluster.cancel(job);

            assertThat(metrics)
                    .containsKeys(
                            "bytesReadDemand",
                            "bytesReadHydrate",
                            "bytesReadPrefetch",
                            "bytesReadPreload",
                            "bytesReadSnapshot",
                            "bytesReadWarmUp",
                            "pagesLoadedDemand",
                            "pagesLoadedHydrate",
                            "pagesLoadedPrefetch",
                            "pagesLoadedPreload",
                            "pagesLoadedSnapshot",
                            "pagesLoadedWarmUp",
                            "stateLoadingLatencyMs_p99",
                            "stateLoadingLatencyMs_mean",
                            "checkpointDeltaBytes",
                            "edgeCacheHits",
                            "edgeCacheHitBytes");
            assertThat(metrics)
                    .containsEntry("edgeCacheDamaged", "0")
                    .containsEntry("pendingPages", "0")
                    .containsEntry("replicaReads", "0")
                    .containsEntry("storeRetries", "0")
                    .containsEntry("storeHedges", "0")
                    .containsEntry("storeHedgesWon", "0")
                    .containsEntry("residentFraction", "1.0")
                    .containsEntry("prewarmFailedExtents", "0")
                    .containsKeys("prewarmPauses", "prewarmPausedTimeMs", "timersPredicted");
            assertThat(Double.parseDouble(metrics.get("preloadEffectiveness"))).isBetween(0.0, 1.0);
            for (String positive :
                    new String[] {
                        "bytesRead",
                        "bytesReadHydrate",
                        "coldStartLatencyMs",
                        "edgeCacheBytes",
                        "edgeCacheMisses",
                        "extentsLinked",
                        "faults",
                        "gets",
                        "pagesLoaded",
                        "pagesLoadedDemand",
                        "pagesTotal",
                        "prewarmBytes",
                        "prewarmExtents",
                        "timeToFirstRecordMs",
                        "timeToWarmMs"
                    }) {
                assertThat(Long.parseLong(metrics.get(positive))).as(positive).isPositive();
            }
            assertThat(Long.parseLong(metrics.get("coldStartLatencyMs")))
                    .isLessThanOrEqualTo(Long.parseLong(metrics.get("timeToFirstRecordMs")));
            assertThat(Long.parseLong(metrics.get("stallTimeMs"))).isNotNegative();
            for (String rate : new String[] {"cacheHitRateHot", "cacheHitRateEdge"}) {
                assertThat(Double.parseDouble(metrics.get(rate))).as(rate).isBetween(0.0, 1.0);
            }
        }
    }

    private Configuration edgeCache() {
        Configuration config = new Configuration();
        config.set(LazyStateOptions.EDGE_CACHE_DIR, directory.resolve("edge").toString());
        config.set(LazyStateOptions.EDGE_CACHE_MAX_BYTES, MemorySize.ofMebiBytes(16));
        return config;
    }

    /** The backend's metrics by their last name, once it is warm. */
    private Map<String, String> warm(LedgerCluster cluster, JobID job) throws Exception {
        long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(PATIENCE_SECONDS);
        Map<String, String> metrics = Map.of();
        while (!COMPLETED.equals(metrics.get("prewarmStatus"))) {
            assertThat(System.nanoTime()).as("still not warm: " + metrics).isLessThan(deadline);
            LockSupport.parkNanos(TimeUnit.MILLISECONDS.toNanos(50));
            metrics = metrics(cluster, job);
        }
        return metrics(cluster, job);
    }

    private Map<String, String> metrics(LedgerCluster cluster, JobID job) throws Exception {
        Map<String, String> metrics = new TreeMap<>();
        for (MatchResult vertex : all(VERTEX, cluster.rest("/jobs/" + job))) {
            String path = "/jobs/" + job + "/vertices/" + vertex.group(1) + "/subtasks/0/metrics";
            for (MatchResult id : all(ID, cluster.rest(path))) {
                if (id.group(1).startsWith("KeyedProcess.")) {
                    String value = cluster.rest(path + "?get=" + id.group(1));
                    for (MatchResult found : all(VALUE, value)) {
                        String name = found.group(1);
                        metrics.put(name.substring(name.lastIndexOf('.') + 1), found.group(2));
                    }
                }
            }
        }
        return metrics;
    }

    private static Iterable<MatchResult> all(Pattern pattern, String text) {
        Matcher matcher = pattern.matcher(text);
        return matcher.results()::iterator;
    }
}
