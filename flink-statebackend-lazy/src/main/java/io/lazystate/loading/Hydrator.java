package io.lazystate.loading;

import io.lazystate.error.Kind;
import io.lazystate.error.LazyStateException;
import io.lazystate.loading.LinkTarget.Linkable;
import io.lazystate.metrics.LoadCause;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.RejectedExecutionException;
import java.util.function.BooleanSupplier;
import java.util.function.Predicate;
import org.apache.flink.annotation.Internal;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Makes cold extents resident: fetches their files over several connections and links them.
 *
 * <p>Threads: each call runs in its caller's; fetches run in the executor, at most {@code
 * connections} at a time, so at most that many extents lie on the disk unlinked. Cost: one ranged
 * read per extent, two or more if it has deltas or was clipped.
 */
@Internal
public final class Hydrator {
    private static final Logger LOG = LoggerFactory.getLogger(Hydrator.class);

    /** Extents that are linked with one call at the most. */
    private static final int EXTENTS_A_LINK = 8;

    private final String owner;
    private final LinkTarget target;
    private final PageLoader loader;
    private final LoadExecutor executor;
    private final HydrationSettings settings;
    private final HydrationPace pace;
    private final ExtentFiles files;

    /**
     * @param owner whose state it is, for the log
     */
    public Hydrator(
            String owner,
            LinkTarget target,
            PageLoader loader,
            LoadExecutor executor,
            HydrationSettings settings,
            HydrationPace pace) {
        this.owner = owner;
        this.target = target;
        this.loader = loader;
        this.executor = executor;
        this.settings = settings;
        this.pace = pace;
        this.files = new ExtentFiles(loader, settings.format(), settings.directory());
    }

    /** How hydration ended. */
    public enum End {
        /** Everything was linked. */
        COMPLETE,
        /** Some could not be fetched or linked. */
        INCOMPLETE,
        /** The task ended. */
        STOPPED
    }

    /**
     * Hydrates everything that is cold, for a background thread. What fails is fetched again later,
     * a bounded number of times; what still fails then stays cold and is logged: a read that needs
     * it fails with the same error, or succeeds if the store is back. Returns early when it is
     * stopped.
     */
    public End run() {
        List<ColdExtent> cold = target.coldExtents();
        HydrationQueue queue = queue(cold);
        BackgroundRound round =
                new BackgroundRound(
                        queue,
                        pace,
                        settings.maxBytesPerSecond(),
                        loader.waits(),
                        new HydrationReport(
                                owner, cold, pace.nanoTime(), loader.metrics().recovery()));
        try {
            hydrate(cold, queue, LoadCause.HYDRATE, round);
        } catch (LazyStateException closed) {
            LOG.debug("Hydration of {} was stopped", owner, closed);
            return End.STOPPED;
        }
        return round.ended() ? End.COMPLETE : End.INCOMPLETE;
    }

    /**
     * Hydrates the chosen states while the task waits for them, up to a time. What fails or does
     * not come by then stays cold.
     *
     * @return how it ended
     * @throws LazyStateException CLOSED if it was stopped
     */
    public Preloaded preload(Predicate<String> states, Duration atMost) {
        PreloadRound round = new PreloadRound(pace.nanoTime(), atMost.toNanos());
        List<ColdExtent> chosen = coldExtents(states);
        hydrate(chosen, queue(chosen), LoadCause.PRELOAD, round);
        return new Preloaded(round.expired(), round.failures(), round.firstFailure());
    }

    /**
     * How preloading ended.
     *
     * @param expired whether time ran out
     * @param failures extents that could not be loaded
     * @param firstFailure null if there is none
     */
    public record Preloaded(
            boolean expired, int failures, @Nullable LazyStateException firstFailure) {}

    /**
     * Hydrates the chosen states while the caller waits.
     *
     * @param goOn asked before each extent; when it says no, the rest stays cold
     * @throws LazyStateException the first error; extents before it are linked
     */
    public void hydrate(Predicate<String> states, BooleanSupplier goOn) {
        List<ColdExtent> chosen = coldExtents(states);
        hydrate(chosen, queue(chosen), LoadCause.PRELOAD, new StrictRound(goOn));
    }

    private List<ColdExtent> coldExtents(Predicate<String> states) {
        return target.coldExtents().stream().filter(cold -> states.test(cold.state())).toList();
    }

    private HydrationQueue queue(List<ColdExtent> extents) {
        return new HydrationQueue(extents, settings.statesFirst(), loader.heat());
    }

    private void hydrate(
            List<ColdExtent> extents, HydrationQueue queue, LoadCause cause, HydrationRound round) {
        Deque<Fetch> underWay = new ArrayDeque<>();
        LinkTarget.Pin pin = target.pin(extents);
        try {
            do {
                while (underWay.size() < settings.connections()
                        && !queue.isEmpty()
                        && round.mayStart(queue.peek(), underWay.isEmpty())) {
                    Fetch fetch = new Fetch(queue.remove(), files, cause);
                    underWay.add(fetch);
                    executor.execute(cause, fetch.extent().bytes(), fetch);
                }
            } while (!underWay.isEmpty()
                    && round.awaitDone(underWay.element())
                    && linkReady(underWay, round));
        } catch (RejectedExecutionException e) {
            throw Futures.stopped(e);
        } finally {
            underWay.forEach(Fetch::abandon);
            target.linkingDone();
            pin.close();
        }
    }

    /** Links what is here, from the first that was started on. */
    private boolean linkReady(Deque<Fetch> underWay, HydrationRound round) {
        Map<String, List<Linkable>> ready = new LinkedHashMap<>();
        int taken = 0;
        while (taken < EXTENTS_A_LINK && !underWay.isEmpty() && underWay.element().isDone()) {
            Fetch fetch = underWay.remove();
            try {
                ready.computeIfAbsent(fetch.extent().state(), s -> new ArrayList<>())
                        .add(fetch.await());
                taken++;
            } catch (LazyStateException e) {
                failed(fetch.extent(), e, round);
            }
        }
        // State by state: of those in one call that fails, none is linked.
        ready.values().forEach(linkables -> link(linkables, round));
        return true;
    }

    private void link(List<Linkable> linkables, HydrationRound round) {
        try {
            target.link(linkables);
        } catch (LazyStateException e) {
            linkables.forEach(linkable -> failed(linkable.extent(), e, round));
            return;
        }
        for (Linkable linkable : linkables) {
            loader.metrics().recovery().prewarmed(linkable.extent().bytes());
            round.linked(linkable.extent());
        }
    }

    private static void failed(ColdExtent extent, LazyStateException e, HydrationRound round) {
        if (e.kind() == Kind.CLOSED) {
            throw e;
        }
        round.failed(extent, e);
    }
}
