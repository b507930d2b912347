package io.lazystate.tiers;

import io.lazystate.error.Reminder;
import io.lazystate.loading.ColdExtent;
import io.lazystate.loading.ExtentHeat;
import io.lazystate.loading.Hydrator;
import io.lazystate.loading.PageLoader;
import io.lazystate.metrics.PrewarmStatus;
import io.lazystate.metrics.RecoveryMetrics;
import io.lazystate.paging.Evictable;
import io.lazystate.paging.LocalBytes;
import io.lazystate.paging.LocalSpace;
import io.lazystate.paging.PagedRocksDB;
import io.lazystate.store.Sleeper;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.LongSupplier;
import java.util.function.Predicate;
import org.apache.flink.annotation.Internal;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Keeps one database within its share of the local disk.
 *
 * <p>Measures it, chooses what leaves, gives the space back, and holds writes back when nothing can
 * leave before the next checkpoint. The least read extents leave first; rows written to cold
 * extents are forgotten once the store has them, those written longest ago first. Threads: {@link
 * #run}, {@link #reclaim} and {@link #promote} in one each; what changes which extents are resident
 * is done by the task thread at its next access.
 */
@Internal
public final class TierKeeper {
    private static final Logger LOG = LoggerFactory.getLogger(TierKeeper.class);

    private static final long MILLIS_BETWEEN_STEPS = 200;

    /** How far below the limit an eviction goes, as a share of the budget. */
    private static final double STEP_DOWN = 0.1;

    /** An extent that is evicted right behind a capture leaves so many checkpoints later. */
    private static final int INTERVALS = 2;

    /** Share of the budget that is kept for what will be written, at the most. */
    private static final double MOST_RESERVED = 0.6;

    /** Share of the budget that rows written to cold extents have before extents must go. */
    private static final double OVERLAY_SHARE = 0.3;

    /**
     * Share of the budget from which on writes are held back, the longer the more is used. Not for
     * long: the barrier of the checkpoint that lets something go comes behind the records that are
     * under way.
     */
    private static final double HOLD_BACK_ABOVE = 0.95;

    private static final double HOLD_BACK_MOST_ABOVE = 1.05;

    /** An extent that leaves for another one is read so many times less. */
    private static final double CLEARLY_LESS = 2;

    private static final long LONGEST_HOLD_NANOS = TimeUnit.MILLISECONDS.toNanos(2);

    private final String operator;
    private final PagedRocksDB db;
    private final LocalSpace space;
    private final LocalBudget.Share share;
    private final TierSettings settings;
    private final ExtentHeat heat;
    private final RecoveryMetrics recovery;
    private final Hydrator hydrator;
    private final Predicate<String> mayLeave;
    private final LongSupplier diskUsage;
    private final Growth growth = new Growth();

    /** Whether the task thread has something to do for this. */
    private final AtomicBoolean asked = new AtomicBoolean();

    private final Reminder reminder = new Reminder(System::nanoTime);

    /**
     * @param operator whose state it is, for the log
     * @param loader of the database; knows what is read most
     * @param hydrator with this share for its room
     * @param diskUsage bytes that the database's directory has
     * @param mayLeave names of states that may be evicted; asked by the task thread
     */
    public TierKeeper(
            String operator,
            PagedRocksDB db,
            LocalBudget.Share share,
            TierSettings settings,
            PageLoader loader,
            Hydrator hydrator,
            LongSupplier diskUsage,
            Predicate<String> mayLeave) {
        this.operator = operator;
        this.db = db;
        this.space = db.localSpace();
        this.share = share;
        this.settings = settings;
        this.heat = loader.heat();
        this.recovery = loader.metrics().recovery();
        this.hydrator = hydrator;
        this.diskUsage = diskUsage;
        this.mayLeave = mayLeave;
    }

    /** Keeps the balance until it is interrupted. */
    public void run(Sleeper sleeper) throws InterruptedException {
        try {
            repeat(sleeper, this::step);
        } finally {
            space.holdBackWrites(0);
        }
    }

    /** Gives space back until it is interrupted: in another thread, since it may take long. */
    public void reclaim(Sleeper sleeper) throws InterruptedException {
        repeat(sleeper, space::reclaim);
    }

    /** Fetches what is read much until it is interrupted: in a third one, for the same reason. */
    public void promote(Sleeper sleeper) throws InterruptedException {
        repeat(sleeper, this::promote);
    }

    private void repeat(Sleeper sleeper, Runnable work) throws InterruptedException {
        while (!Thread.currentThread().isInterrupted()) {
            sleeper.sleep(MILLIS_BETWEEN_STEPS);
            try {
                work.run();
            } catch (RuntimeException | Error e) {
                // The task meets a broken disk itself. Without this nothing would ever leave again.
                LOG.warn(
                        "The local disk usage of {} could not be kept: {}", operator, e.toString());
            }
        }
    }

    /** Measures, and does what follows from it. */
    public void step() {
        LocalBytes live = space.bytes();
        long used = diskUsage.getAsLong();
        share.used(used);
        long allowed = share.allowedBytes();
        growth.measured(used - share.hydratedBytes(), space.adopted());
        double reserve = Math.min(INTERVALS * growth.expected(), MOST_RESERVED * allowed);
        share.reserve((long) reserve);
        double goal = settings.evictAbove() * allowed - Math.max(STEP_DOWN * allowed, reserve);
        if (used > goal + STEP_DOWN * allowed) {
            // The rest of what is used goes by itself: compactions end, views are closed.
            if (live.total() > goal) {
                askTask(() -> free(used, allowed, goal));
            }
        }
        holdBack(used, allowed);
    }

    private void askTask(Runnable work) {
        if (asked.compareAndSet(false, true)) {
            db.atNextAccess(
                    () -> {
                        asked.set(false);
                        work.run();
                    });
        }
    }

    /** Whether the hydration behind the restore is still under way. */
    private boolean hydrates() {
        PrewarmStatus status = recovery.status();
        return status == PrewarmStatus.PENDING || status == PrewarmStatus.RUNNING;
    }

    // ------------------------------------------------------------------ in

    /** Fetches cold extents that are read much, the hottest first, while there is room. */
    public void promote() {
        if (hydrates()) {
            return;
        }
        List<ColdExtent> hottestFirst = new ArrayList<>();
        for (ColdExtent cold : db.coldExtents()) {
            if (heat.of(cold.extent()) >= settings.promoteAfterReads() && !space.isStale(cold)) {
                hottestFirst.add(cold);
            }
        }
        hottestFirst.sort(
                Comparator.<ColdExtent>comparingDouble(cold -> heat.of(cold.extent())).reversed());
        long free = share.freeBytes();
        Set<ColdExtent> fitting = new HashSet<>();
        for (ColdExtent cold : hottestFirst) {
            free -= cold.bytes();
            if (free < 0) {
                break;
            }
            fitting.add(cold);
        }
        if (!fitting.isEmpty()) {
            hydrator.run(fitting::contains);
        } else if (!hottestFirst.isEmpty()) {
            askTask(() -> makeRoom(hottestFirst.get(0)));
        }
    }

    /** In the task thread: evicts extents that are read clearly less. */
    private void makeRoom(ColdExtent hotter) {
        double limit = heat.of(hotter.extent()) / CLEARLY_LESS;
        List<Evictable> colder = new ArrayList<>();
        for (Evictable candidate : space.evictable(mayLeave)) {
            if (heat.of(candidate.extent()) < limit) {
                colder.add(candidate);
            }
        }
        long missing = hotter.bytes() - share.freeBytes() - space.bytes().going();
        if (missing > 0) {
            space.evict(leastRead(colder, (double) missing));
        }
    }

    // ------------------------------------------------------------------ out

    /** In the task thread. */
    private void free(long used, long allowed, double goal) {
        LocalBytes live = space.bytes();
        double wanted = live.total() - goal - live.going();
        double overlaid = live.overlay() - OVERLAY_SHARE * allowed;
        if (overlaid > 0) {
            wanted -= (double) space.shrinkOverlay(overlaid);
        }
        if (wanted > 0) {
            List<Evictable> victims = space.evictable(mayLeave);
            if (used > HOLD_BACK_ABOVE * allowed && victims.stream().anyMatch(Evictable::clean)) {
                victims = victims.stream().filter(Evictable::clean).toList(); // those go at once
            }
            space.evict(leastRead(victims, wanted));
            if (victims.isEmpty()) {
                long unused = space.shrinkOverlay(wanted);
            }
        }
    }

    /** The least read ones, the clean ones of those first. */
    private List<Evictable> leastRead(List<Evictable> of, double wantedBytes) {
        List<Evictable> candidates = new ArrayList<>(of);
        candidates.sort(
                Comparator.<Evictable>comparingDouble(one -> heat.of(one.extent()))
                        .thenComparing(one -> !one.clean()));
        List<Evictable> victims = new ArrayList<>();
        double bytes = 0;
        for (Evictable candidate : candidates) {
            if (bytes >= wantedBytes) {
                break;
            }
            victims.add(candidate);
            bytes += candidate.bytes();
        }
        return victims;
    }

    private void holdBack(long used, long allowed) {
        double over =
                ((double) used / allowed - HOLD_BACK_ABOVE)
                        / (HOLD_BACK_MOST_ABOVE - HOLD_BACK_ABOVE);
        double part = Math.max(0, Math.min(1, over));
        space.holdBackWrites((long) (part * part * LONGEST_HOLD_NANOS));
        if (over > 0 && reminder.isDue(operator)) {
            LOG.warn(
                    "Writes of {} are held back: it uses {} of {} bytes of local disk, and nothing"
                            + " can leave before the next checkpoint completes. If this lasts, raise"
                            + " state.backend.lazy.local.max-bytes, or take checkpoints more often",
                    operator,
                    used,
                    allowed);
        }
    }
}
