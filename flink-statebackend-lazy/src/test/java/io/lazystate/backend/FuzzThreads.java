package io.lazystate.backend;

import io.lazystate.Schedule;
import io.lazystate.Schedule.Actor;
import io.lazystate.ScheduledRocksDB;
import java.util.List;
import java.util.concurrent.AbstractExecutorService;
import java.util.concurrent.TimeUnit;
import org.rocksdb.RocksDB;

/**
 * The threads of a history beside its task's: those that link, those that write checkpoints, and
 * the backends' own hydrators, one at a time in the order of a {@link Schedule}.
 *
 * <p>Tiers and loaders run as they like. Ownership: belongs to the thread that makes it.
 */
final class FuzzThreads extends AbstractExecutorService implements AutoCloseable {
    private static final String HYDRATOR = "lazy-state-hydrator";

    private final long seed;
    private final Schedule schedule;
    private int started;

    FuzzThreads(long seed) {
        this.seed = seed;
        this.schedule = new Schedule(seed, thread -> thread.getName().equals(HYDRATOR));
    }

    /** A database that lets others go on wherever it is called. */
    RocksDB database(RocksDB opened) {
        return new ScheduledRocksDB(opened, schedule, seed, 0);
    }

    /** Lets others go on. */
    void pause() {
        schedule.pause("between steps");
    }

    /** Lets those that link come to where they have looked, and not linked yet, and stay there. */
    void holdLinks() {
        schedule.hold(ScheduledRocksDB.BEFORE_INGEST);
    }

    void letLinksGo() {
        schedule.letGo();
    }

    /** Whether some thread is about to have a file ingested. */
    boolean areLinking() {
        return schedule.isAnyAt(ScheduledRocksDB.BEFORE_INGEST);
    }

    @Override
    public void execute(Runnable work) {
        Actor unused = schedule.start("history " + ++started, work::run);
    }

    @Override
    public void close() {
        schedule.close();
    }

    @Override
    public void shutdown() {
        close();
    }

    @Override
    public List<Runnable> shutdownNow() {
        close();
        return List.of();
    }

    @Override
    public boolean isShutdown() {
        return schedule.isStopping();
    }

    @Override
    public boolean isTerminated() {
        return isShutdown();
    }

    @Override
    public boolean awaitTermination(long timeout, TimeUnit unit) {
        return isShutdown();
    }
}
