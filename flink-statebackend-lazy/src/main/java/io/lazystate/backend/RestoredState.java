package io.lazystate.backend;

import io.lazystate.error.LazyStateException;
import io.lazystate.loading.ColdExtent;
import io.lazystate.loading.Hydrator;
import io.lazystate.metrics.PrewarmStatus;
import io.lazystate.metrics.RecoveryMetrics;
import io.lazystate.paging.PagedRocksDB;
import java.time.Duration;
import java.util.List;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.function.LongSupplier;
import java.util.function.Predicate;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The cold state of a restored backend: what is loaded before its task runs, and what after.
 *
 * <p>Threads: the task thread; {@link #warm} goes on in one of its own.
 */
final class RestoredState {
    private static final Logger LOG = LoggerFactory.getLogger(RestoredState.class);

    /** Hydration starts with the first record, or after this if none comes. */
    private static final long HYDRATION_DELAY_SECONDS = 3;

    private final String operator;
    private final PagedRocksDB db;
    private final Hydrator hydrator;
    private final LazySettings settings;
    private final RecoveryMetrics metrics;
    private final LoaderThreads threads;

    /**
     * @param operator whose state it is, for the log
     */
    RestoredState(
            String operator,
            PagedRocksDB db,
            Hydrator hydrator,
            LazySettings settings,
            RecoveryMetrics metrics,
            LoaderThreads threads) {
        this.operator = operator;
        this.db = db;
        this.hydrator = hydrator;
        this.settings = settings;
        this.metrics = metrics;
        this.threads = threads;
    }

    /** Says which states the configuration names and the checkpoint does not have. */
    void warnOfUnknownStates(Set<String> known) {
        List<String> unknown =
                settings.preloadStates().stream().filter(name -> !known.contains(name)).toList();
        if (!unknown.isEmpty()) {
            LOG.warn(
                    "{} names states that {} does not have: {}; it has {}",
                    LazyStateOptions.PRELOAD_STATES.key(),
                    operator,
                    unknown,
                    known);
        }
    }

    /**
     * Loads what the mode asks for while the task waits.
     *
     * @param keys named by the job
     * @return what was loaded, for the log
     * @throws LazyStateException in mode EAGER, as of the reads; CLOSED in every mode
     */
    String load(KeyPreload<?> keys) {
        List<ColdExtent> cold = db.coldExtents();
        LoadingMode mode = settings.loadingMode(bytes(cold));
        switch (mode) {
            case EAGER -> {
                if (mode == settings.loadingMode()) {
                    warnIfFull(!hydrator.hydrate(state -> true, () -> true));
                } else { // AUTO chose it
                    preload(state -> true, settings.maxBlockingTime());
                }
            }
            case HYBRID -> preloadKeysAndStates(keys);
            case LAZY, AUTO -> {}
        }
        db.settle();
        List<ColdExtent> left = db.coldExtents();
        return String.format(
                "in mode %s of %s: %d of %d extents, %d of %d bytes are cold",
                mode, settings, left.size(), cold.size(), bytes(left), bytes(cold));
    }

    /** The keys first: they are few, and the states may take all the time there is. */
    private void preloadKeysAndStates(KeyPreload<?> keys) {
        long start = System.nanoTime();
        LongSupplier nanosLeft =
                () -> settings.maxBlockingTime().toNanos() - (System.nanoTime() - start);
        if (!keys.load(nanosLeft)) {
            warnOfExpiry();
        }
        Duration left = Duration.ofNanos(Math.max(0, nanosLeft.getAsLong()));
        preload(settings.preloadStates()::contains, left);
    }

    private void warnOfExpiry() {
        LOG.warn(
                "{} was reached by {}; what is not loaded yet is loaded lazily",
                LazyStateOptions.MAX_BLOCKING_TIME.key(),
                operator);
    }

    /** Loads some states, but waits no longer than is allowed; a failure is no reason to stop. */
    private void preload(Predicate<String> states, Duration atMost) {
        Hydrator.Preloaded preloaded = hydrator.preload(states, atMost);
        if (preloaded.expired()) {
            warnOfExpiry();
        }
        warnIfFull(preloaded.full());
        LazyStateException failure = preloaded.firstFailure();
        if (failure != null) {
            LOG.warn(
                    "{} extents of {} could not be loaded before it runs, and are loaded lazily:"
                            + " {}",
                    preloaded.failures(),
                    operator,
                    failure.getMessage());
        }
    }

    private void warnIfFull(boolean full) {
        if (full) {
            LOG.warn(
                    "The local disk has no room for all that {} is to load before it runs; the rest"
                            + " stays cold, and is read page by page",
                    operator);
        }
    }

    /**
     * Makes one state resident while the task waits.
     *
     * @throws LazyStateException as of the reads
     */
    void loadWhole(String name) {
        db.localSpace().recall(name);
        hydrator.loadWhole(name);
        db.settle();
    }

    /** Hydrates the rest in the background, if there is one and the options say so. */
    void warm() {
        if (db.coldExtents().isEmpty()) {
            metrics.prewarm(PrewarmStatus.SKIPPED);
        } else if (settings.hydrationEnabled()) {
            metrics.prewarm(PrewarmStatus.PENDING);
            try {
                threads.start("lazy-state-hydrator", this::prewarm);
            } catch (LazyStateException e) { // no thread
                metrics.prewarm(PrewarmStatus.FAILED);
                LOG.warn("{} is not hydrated; state that is cold stays readable", operator, e);
            }
        }
    }

    /** Whatever happens here, the task goes on. */
    private void prewarm() throws InterruptedException {
        db.awaitUse(HYDRATION_DELAY_SECONDS, TimeUnit.SECONDS);
        metrics.prewarm(PrewarmStatus.RUNNING);
        try {
            switch (hydrator.run()) {
                case COMPLETE, FULL -> metrics.prewarm(PrewarmStatus.COMPLETED);
                case INCOMPLETE -> metrics.prewarm(PrewarmStatus.FAILED);
                case STOPPED -> {}
            }
        } catch (RuntimeException | Error e) {
            metrics.prewarm(PrewarmStatus.FAILED);
            LOG.error("Hydration of {} ended; state that is cold stays readable", operator, e);
        }
    }

    private static long bytes(List<ColdExtent> extents) {
        return extents.stream().mapToLong(ColdExtent::bytes).sum();
    }
}
