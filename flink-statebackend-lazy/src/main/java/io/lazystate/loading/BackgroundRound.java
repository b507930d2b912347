package io.lazystate.loading;

import io.lazystate.error.Kind;
import io.lazystate.error.LazyStateException;
import java.util.IdentityHashMap;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * Hydration behind a running task: gives way to its faults, keeps below a rate, and is patient.
 *
 * <p>Bounds: while something is short, one extent goes through every {@link #MOST_WAIT_MILLIS}.
 * While the store does not answer, pauses grow; after {@link #MAX_PAUSES} of them in which nothing
 * came, it gives up what is left. What is damaged is fetched {@link #MAX_ATTEMPTS} times, in case
 * it was damaged on the way. Threads: the hydrator's.
 */
final class BackgroundRound implements HydrationRound {
    private static final int MAX_PAUSES = 12;
    private static final int MAX_ATTEMPTS = 2;
    private static final long MOST_WAIT_MILLIS = 60_000;
    private static final long POLL_MILLIS = 500;

    /** What is shorter is no pause for the database. */
    private static final long PAUSE_MILLIS = 1_000;

    private final HydrationQueue queue;
    private final HydrationPace pace;
    private final long maxBytesPerSecond;
    private final DemandWaits waits;
    private final HydrationReport report;
    private final Runnable pausing;
    private final IdentityHashMap<ColdExtent, Integer> attempts = new IdentityHashMap<>();
    private @Nullable LazyStateException lastUnavailable;
    private int pauses;
    private long pauseMillis;
    private boolean givesWay;

    /**
     * @param pausing called before a longer wait in which nothing is fetched
     */
    BackgroundRound(
            HydrationQueue queue,
            HydrationPace pace,
            long maxBytesPerSecond,
            DemandWaits waits,
            HydrationReport report,
            Runnable pausing) {
        this.queue = queue;
        this.pace = pace;
        this.maxBytesPerSecond = maxBytesPerSecond;
        this.waits = waits;
        this.report = report;
        this.pausing = pausing;
    }

    @Override
    public boolean mayStart(ColdExtent next, boolean idle) {
        try {
            if (pauseMillis > 0) {
                if (!idle || pauses > MAX_PAUSES) {
                    return false;
                }
                sleep(pauseMillis);
                pauseMillis = 0;
            }
            if (!giveWay(idle)) {
                return false;
            }
            waits.awaitEnd();
            long nanos;
            while ((nanos = pace.rate().take(next.bytes(), maxBytesPerSecond)) > 0) {
                if (!idle) {
                    return false;
                }
                sleep(1 + TimeUnit.NANOSECONDS.toMillis(nanos));
            }
            return true;
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw Futures.stopped(e);
        }
    }

    /** Waits while something is short, but not for good; no if something is under way. */
    private boolean giveWay(boolean idle) throws InterruptedException {
        long waited = 0;
        String reason;
        while ((reason = pace.pressure().reason()) != null && waited < MOST_WAIT_MILLIS) {
            if (!idle) {
                return false;
            }
            if (!givesWay) {
                givesWay = true;
                report.givesWay(reason);
            }
            if (waited == 0) {
                pausing.run();
            }
            pace.sleeper().sleep(POLL_MILLIS);
            waited += POLL_MILLIS;
            report.gaveWay(POLL_MILLIS);
        }
        givesWay &= reason != null;
        return true;
    }

    private void sleep(long millis) throws InterruptedException {
        if (millis >= PAUSE_MILLIS) {
            pausing.run();
        }
        pace.sleeper().sleep(millis);
    }

    @Override
    public boolean awaitDone(Fetch fetch) {
        return fetch.awaitDone(Long.MAX_VALUE);
    }

    @Override
    public void linked(ColdExtent extent) {
        pauses = 0;
        report.linked(extent);
    }

    @Override
    public void failed(ColdExtent extent, LazyStateException e) {
        if (e.kind() == Kind.UNAVAILABLE) {
            lastUnavailable = e;
            queue.addAgain(extent);
            if (pauseMillis == 0) {
                pauses++;
                pauseMillis = Math.max(1, pace.backoff().delayMillis(pauses));
                report.pausing(e, pauseMillis);
            }
        } else if (attempts.merge(extent, 1, Integer::sum) < MAX_ATTEMPTS) {
            queue.addAgain(extent);
        } else {
            report.gaveUp(extent, e);
        }
    }

    /**
     * Reports what is left, because the store did not answer for too long, or there was no room.
     *
     * @return whether nothing was given up
     */
    boolean ended(boolean full) {
        if (full) {
            report.full(queue.all());
        } else if (lastUnavailable != null) {
            for (ColdExtent left : queue.all()) {
                report.gaveUp(left, lastUnavailable);
            }
        }
        return report.ended();
    }
}
