package io.lazystate.loading;

import io.lazystate.error.Kind;
import io.lazystate.error.LazyStateException;
import io.lazystate.loading.Fetch.Outcome;
import io.lazystate.loading.LinkTarget.Linkable;
import io.lazystate.metrics.LoadCause;
import io.lazystate.run.Run;
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
 * connections} at a time, each of up to two requests, so at most that many extents lie on the disk
 * unlinked, or small ones of no more bytes together. Cost: one ranged read per extent, two or more
 * if it has deltas or was clipped; one for small neighbours of one object together.
 */
@Internal
public final class Hydrator {
    private static final Logger LOG = LoggerFactory.getLogger(Hydrator.class);

    /** Fetches whose extents are linked with one call at the most. */
    private static final int FETCHES_A_LINK = 8;

    /** Small extents that one read fetches at the most. */
    private static final int EXTENTS_A_FETCH = 32;

    private final String owner;
    private final LinkTarget target;
    private final PageLoader loader;
    private final LoadExecutor executor;
    private final HydrationSettings settings;
    private final HydrationPace pace;
    private final Room room;
    private final ExtentFiles files;

    /**
     * @param owner whose state it is, for the log
     * @param room asked before each fetch, but not by {@link #loadWhole}
     */
    public Hydrator(
            String owner,
            LinkTarget target,
            PageLoader loader,
            LoadExecutor executor,
            HydrationSettings settings,
            HydrationPace pace,
            Room room) {
        this.owner = owner;
        this.target = target;
        this.loader = loader;
        this.executor = executor;
        this.settings = settings;
        this.pace = pace;
        this.room = room;
        this.files = new ExtentFiles(loader, settings.format(), settings.directory());
    }

    /** How hydration ended. */
    public enum End {
        /** Everything was linked. */
        COMPLETE,
        /** Some could not be fetched or linked. */
        INCOMPLETE,
        /** What was fetched was linked; there was no room for the rest. */
        FULL,
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
        return run(extent -> true);
    }

    /** As above, of what is cold only the chosen extents. */
    public End run(Predicate<ColdExtent> chosen) {
        try (LinkTarget.Pin pin = target.pin(chosen)) {
            HydrationQueue queue = queue(pin);
            BackgroundRound round =
                    new BackgroundRound(
                            queue,
                            pace,
                            settings.maxBytesPerSecond(),
                            loader.waits(),
                            new HydrationReport(
                                    owner,
                                    pin.extents(),
                                    pace.nanoTime(),
                                    loader.metrics().recovery()),
                            target::linkingDone);
            boolean full;
            try {
                full = !hydrate(pin, queue, LoadCause.HYDRATE, round, room);
            } catch (LazyStateException closed) {
                LOG.debug("Hydration of {} was stopped", owner, closed);
                return End.STOPPED;
            }
            if (!round.ended(full)) {
                return End.INCOMPLETE;
            }
            return full ? End.FULL : End.COMPLETE;
        }
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
        boolean full = !hydrate(states, round, room);
        return new Preloaded(round.expired(), full, round.failures(), round.firstFailure());
    }

    /**
     * How preloading ended.
     *
     * @param expired whether time ran out
     * @param full whether some did not fit
     * @param failures extents that could not be loaded
     * @param firstFailure null if there is none
     */
    public record Preloaded(
            boolean expired,
            boolean full,
            int failures,
            @Nullable LazyStateException firstFailure) {}

    /**
     * Hydrates the chosen states while the caller waits.
     *
     * @param goOn asked before each extent; when it says no, the rest stays cold
     * @return whether there was room for all that it came to
     * @throws LazyStateException the first error; extents before it are linked
     */
    public boolean hydrate(Predicate<String> states, BooleanSupplier goOn) {
        StrictRound round = new StrictRound(goOn);
        return hydrate(states, round, room);
    }

    /**
     * Hydrates all of one state while the caller waits, even if there is no room for it.
     *
     * @throws LazyStateException the first error; extents before it are linked
     */
    public void loadWhole(String state) {
        StrictRound round = new StrictRound(() -> true);
        hydrate(state::equals, round, Room.ENDLESS);
    }

    private boolean hydrate(Predicate<String> states, HydrationRound round, Room in) {
        try (LinkTarget.Pin pin = target.pin(cold -> states.test(cold.state()))) {
            return hydrate(pin, queue(pin), LoadCause.PRELOAD, round, in);
        }
    }

    private HydrationQueue queue(LinkTarget.Pin pin) {
        return new HydrationQueue(pin.extents(), settings, loader.heat());
    }

    /** Runs through the queue; returns whether there was room for all that it came to. */
    private boolean hydrate(
            LinkTarget.Pin pin,
            HydrationQueue queue,
            LoadCause cause,
            HydrationRound round,
            Room in) {
        Deque<Fetch> underWay = new ArrayDeque<>();
        TakenRoom taken = new TakenRoom(in);
        try {
            do {
                while (!taken.full()
                        && underWay.size() < settings.connections()
                        && !queue.isEmpty()
                        && round.mayStart(queue.peek(), underWay.isEmpty())) {
                    ColdExtent next = queue.peek(); // another one, if tasks have read meanwhile
                    if (taken.take(next)) {
                        LoadCause urgency = urgency(next, cause);
                        Fetch fetch = new Fetch(batch(next, queue, round, taken), files, urgency);
                        underWay.add(fetch);
                        fetch.start(executor, urgency);
                    }
                }
            } while (!underWay.isEmpty()
                    && round.awaitDone(underWay.element())
                    && linkReady(pin, underWay, round, taken));
        } catch (RejectedExecutionException e) {
            throw Futures.stopped(e);
        } finally {
            underWay.forEach(Fetch::abandon);
            taken.close();
            target.linkingDone();
        }
        return !taken.full();
    }

    /** In the background, what is read comes before what is not, also that of other tasks. */
    private LoadCause urgency(ColdExtent next, LoadCause cause) {
        boolean isRead = loader.heat().of(next.extent()) > 0;
        return cause == LoadCause.HYDRATE && isRead ? LoadCause.WARM_UP : cause;
    }

    /** Takes an extent from the queue, and small ones beside it, as far as they may start too. */
    private static List<ColdExtent> batch(
            ColdExtent next, HydrationQueue queue, HydrationRound round, TakenRoom taken) {
        List<ColdExtent> batch = new ArrayList<>();
        queue.remove(next);
        batch.add(next);
        Run base = next.wholeBase();
        Neighbours.Span span = base == null ? null : Neighbours.Span.of(base);
        while (span != null && batch.size() < EXTENTS_A_FETCH) {
            ColdExtent beside = queue.peekBeside(span);
            Run other = beside == null ? null : beside.wholeBase();
            if (beside == null
                    || other == null
                    || !round.mayStart(beside, false)
                    || !taken.take(beside)) {
                break;
            }
            queue.remove(beside);
            batch.add(beside);
            span = span.with(Neighbours.Span.of(other));
        }
        return batch;
    }

    /** Links what is here, from the first that was started on. */
    private boolean linkReady(
            LinkTarget.Pin pin, Deque<Fetch> underWay, HydrationRound round, TakenRoom taken) {
        Map<String, List<Linkable>> ready = new LinkedHashMap<>();
        Map<ColdExtent, LazyStateException> failures = new LinkedHashMap<>();
        int count = 0;
        while (count < FETCHES_A_LINK && !underWay.isEmpty() && underWay.element().isDone()) {
            Fetch fetch = underWay.remove();
            count++;
            try {
                for (Outcome outcome : fetch.await()) {
                    String state = outcome.extent().state();
                    if (outcome.linkable() != null) {
                        ready.computeIfAbsent(state, s -> new ArrayList<>())
                                .add(outcome.linkable());
                    } else if (outcome.failure() != null) {
                        failures.put(outcome.extent(), outcome.failure());
                    }
                }
            } catch (LazyStateException e) {
                fetch.extents().forEach(extent -> failures.put(extent, e));
            }
        }
        failures.keySet().forEach(taken::arrived);
        // State by state: of those in one call that fails, none is linked.
        for (List<Linkable> linkables : ready.values()) {
            try {
                pin.link(linkables);
                linkables.forEach(linkable -> linked(linkable.extent(), round));
            } catch (LazyStateException e) {
                linkables.forEach(linkable -> failures.put(linkable.extent(), e));
            }
            linkables.forEach(linkable -> taken.arrived(linkable.extent()));
        }
        // Last, since it may end the run: no file is left that nobody knows of.
        failures.forEach((extent, e) -> failed(extent, e, round));
        return true;
    }

    private void linked(ColdExtent extent, HydrationRound round) {
        loader.metrics().recovery().prewarmed(extent.bytes());
        round.linked(extent);
    }

    private static void failed(ColdExtent extent, LazyStateException e, HydrationRound round) {
        if (e.kind() == Kind.CLOSED) {
            throw e;
        }
        round.failed(extent, e);
    }
}
