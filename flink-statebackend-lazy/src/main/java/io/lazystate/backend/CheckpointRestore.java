package io.lazystate.backend;

import io.lazystate.loading.PageLoader;
import io.lazystate.manifest.Manifest;
import io.lazystate.metrics.LoadingMetrics;
import io.lazystate.restore.LazyRestore;
import java.util.Collection;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import org.apache.flink.runtime.metrics.MetricNames;
import org.apache.flink.runtime.state.IncrementalKeyedStateHandle;
import org.apache.flink.runtime.state.KeyedStateHandle;
import org.apache.flink.runtime.state.StateBackend.CustomInitializationMetrics;
import org.apache.flink.runtime.state.StateBackend.KeyedStateBackendParameters;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Restores one keyed backend from checkpoints of this backend: its states, cold, and what is to be
 * loaded before its task runs.
 *
 * <p>Threads: the task thread.
 */
final class CheckpointRestore<K> {
    private static final Logger LOG = LoggerFactory.getLogger(CheckpointRestore.class);

    private final KeyedStateBackendParameters<K> parameters;
    private final LazySettings settings;
    private final PageLoader loader;
    private final LoaderThreads threads;
    private final LoadingMetrics metrics;
    private final List<PreloadKeys> preloadKeys;
    private final long startNanos = System.nanoTime();

    /**
     * Begins the restore, for the time it takes.
     *
     * @throws io.lazystate.error.LazyStateException INVALID if what is to name keys cannot be made
     */
    CheckpointRestore(
            KeyedStateBackendParameters<K> parameters,
            LazySettings settings,
            PageLoader loader,
            LoaderThreads threads,
            LoadingMetrics metrics) {
        this.parameters = parameters;
        this.settings = settings;
        this.loader = loader;
        this.threads = threads;
        this.metrics = metrics;
        this.preloadKeys = PreloadKeysClasses.instances(settings.preloadKeys(), userCode());
    }

    private ClassLoader userCode() {
        return parameters.getEnv().getUserCodeClassLoader().asClassLoader();
    }

    /** Milliseconds since the restore began. */
    long millis() {
        return millisSince(startNanos);
    }

    private static long millisSince(long nanos) {
        return TimeUnit.NANOSECONDS.toMillis(System.nanoTime() - nanos);
    }

    /**
     * Runs the restore.
     *
     * @param handles of the checkpoints
     * @param manifests of the handles
     * @param opening that the database was opened with; its key serializer gets to know how the
     *     keys were written
     * @param database without states
     * @param restored of the same database: does the loading
     */
    void run(
            Collection<KeyedStateHandle> handles,
            List<Manifest> manifests,
            LocalDatabase.Opening<K> opening,
            LocalDatabase<K> database,
            TimerQueues<K> timers,
            RestoredState restored)
            throws Exception {
        LazyRestore<K> restore =
                new LazyRestore<>(
                        manifests,
                        parameters.getKeyGroupRange(),
                        opening.keyGroupPrefixBytes(),
                        loader);
        restore.run(
                opening.keySerializer(),
                userCode(),
                (metaInfo, layout) -> {
                    timers.requireReadable(metaInfo, layout);
                    database.addRestored(metaInfo, layout, parameters.getCancelStreamRegistry());
                });
        restore.forEachHot(database.paged()::addHotRows);
        restored.warnOfUnknownStates(database.states().keySet());
        long loadingStart = System.nanoTime();
        String loaded = restored.load(keyPreload(opening, database));
        CustomInitializationMetrics durations = parameters.getCustomInitializationMetrics();
        durations.addMetric(MetricNames.DOWNLOAD_STATE_DURATION, millisSince(loadingStart));
        LOG.info(
                "Restored {} from checkpoint {} ({} handles) in {} ms, {}",
                parameters.getOperatorIdentifier(),
                checkpoint(handles),
                handles.size(),
                millis(),
                loaded);
        durations.addMetric(MetricNames.RESTORE_STATE_DURATION, millis());
        restored.warm();
    }

    private KeyPreload<K> keyPreload(LocalDatabase.Opening<K> opening, LocalDatabase<K> database) {
        Set<String> states = new LinkedHashSet<>();
        database.keyValueStates().forEach(state -> states.add(state.getName()));
        settings.preloadStates().forEach(states::remove); // they come as a whole
        return new KeyPreload<>(
                preloadKeys,
                new NamedKeys<>(
                        PreloadKeysClasses.scope(parameters, states),
                        opening.keySerializer().currentSchemaSerializer().duplicate(),
                        opening.keyGroupPrefixBytes()),
                database.paged(),
                threads,
                userCode(),
                metrics);
    }

    /** The ids that the handles tell, several after some kinds of rescale. */
    private static String checkpoint(Collection<KeyedStateHandle> handles) {
        return handles.stream()
                .filter(IncrementalKeyedStateHandle.class::isInstance)
                .map(handle -> ((IncrementalKeyedStateHandle) handle).getCheckpointId())
                .distinct()
                .map(String::valueOf)
                .collect(Collectors.joining(", "));
    }
}
