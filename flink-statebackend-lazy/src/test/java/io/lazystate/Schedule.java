package io.lazystate;

import java.lang.management.ManagementFactory;
import java.lang.management.ThreadInfo;
import java.lang.management.ThreadMXBean;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Predicate;

/**
 * Threads that run one at a time, in an order that a seed draws: one has the baton, and may hand it
 * over wherever the code comes to a {@link #pause}.
 *
 * <p>At times a thread is left where it is while the others take up to some thousand steps: most
 * faults need one that stands still at the wrong place for long. One that waits for something else
 * than its turn, a lock that another has say, lets the others go on, and is back in line at its
 * next pause. A seed repeats its order, but for two things: what runs between the end of such a
 * wait and that pause, and how often code pauses that polls what RocksDB's own threads do.
 *
 * <p>Threads: any; in those that do not take part a pause does nothing. It cannot hang: after some
 * minutes without a pause it fails and tells where all threads are, and from then on they run as
 * they like. Closing it does the same, without the failure.
 */
public final class Schedule implements AutoCloseable {
    private static final long LOOK_NANOS = TimeUnit.MICROSECONDS.toNanos(100);

    /** One that has computed for so long may be waiting for another in a loop. */
    private static final long LONG_CPU_NANOS = TimeUnit.SECONDS.toNanos(1);

    /** How long one that is free again may take to its next pause, until nobody waits for it. */
    private static final long RETURN_NANOS = TimeUnit.SECONDS.toNanos(1);

    private static final ThreadMXBean THREADS = ManagementFactory.getThreadMXBean();

    /** One that is found waiting so often waits for another one. */
    private static final int BLOCKED_LOOKS = 3;

    private static final long STUCK_NANOS = TimeUnit.SECONDS.toNanos(20);
    private static final long END_MILLIS = 20_000;
    private static final double[] STAYS = {0.3, 0.7, 0.9, 0.97};
    private static final double[] STALLS = {0, 0.003, 0.01, 0.03};

    /** How often a thread is left standing where it matters most. */
    private static final double LINGERS = 0.4;

    /** Steps that one stands still for that is held. */
    private static final long HELD = 1_000_000;

    private static final int MOST_DOUBLINGS = 12;

    /** What a thread does. */
    public interface Body {
        void run() throws Exception;
    }

    private enum State {
        /** Waits for the baton. */
        READY,
        /** Has the baton. */
        RUNNING,
        /** Waits for something else, or computes for long; others have the baton. */
        AWAY,
        ENDED
    }

    /** A thread that takes part. Guarded by the schedule. */
    public final class Actor {
        private final String name;
        private final Thread thread;
        private State state = State.READY;

        /** Whether it has seen that it has the baton. */
        private boolean awake;

        /** Whether it is in the schedule's own code. */
        private volatile boolean pausing = true;

        /** Whether others wait a moment for it when it is free again. */
        private boolean awaited;

        private String place = "its start";
        private long stalledUntil;

        private Actor(String name, Thread thread) {
            this.name = name;
            this.thread = thread;
        }

        public boolean hasEnded() {
            synchronized (Schedule.this) {
                return state == State.ENDED;
            }
        }

        /** Whether it waits, for its turn or for something else, behind a pause at this place. */
        public boolean isAt(String where) {
            synchronized (Schedule.this) {
                return state != State.ENDED && state != State.RUNNING && place.equals(where);
            }
        }

        private boolean isBlocked() {
            Thread.State now = thread.getState();
            return now == Thread.State.BLOCKED
                    || now == Thread.State.WAITING
                    || now == Thread.State.TIMED_WAITING;
        }

        /** Whether it has what it waited for, though it may not have noticed yet. */
        private boolean isComing() {
            Thread.State now = thread.getState();
            if (now != Thread.State.BLOCKED) {
                return now == Thread.State.RUNNABLE;
            }
            ThreadInfo info = THREADS.getThreadInfo(thread.getId());
            return info != null
                    && (info.getThreadState() == Thread.State.RUNNABLE
                            || info.getThreadState() == Thread.State.BLOCKED
                                    && info.getLockOwnerId() == -1);
        }

        private long cpuNanos() {
            return THREADS.getThreadCpuTime(thread.getId());
        }

        @Override
        public String toString() {
            return name + " (" + state + ") at " + place;
        }
    }

    private final Random random;
    private final Predicate<Thread> takesPart;
    private final double stay;
    private final double stall;
    private final List<Actor> actors = new ArrayList<>();
    private final Map<Thread, Actor> byThread = new ConcurrentHashMap<>();
    private final Thread watcher = new Thread(this::watch, "schedule");
    private Actor running;
    private long steps;
    private String heldAt = "";
    private Throwable failure;
    private volatile boolean free;
    private volatile boolean stopping;

    /** Begins with the calling thread, which has the baton. */
    public Schedule(long seed) {
        this(seed, thread -> false);
    }

    /**
     * As above.
     *
     * @param takesPart whether a thread that was not started here takes part from its first pause
     */
    public Schedule(long seed, Predicate<Thread> takesPart) {
        this.random = new Random(seed);
        this.takesPart = takesPart;
        this.stay = STAYS[random.nextInt(STAYS.length)];
        this.stall = STALLS[random.nextInt(STALLS.length)];
        Actor first = add(Thread.currentThread().getName(), Thread.currentThread());
        first.state = State.RUNNING;
        first.awake = true;
        first.pausing = false;
        running = first;
        watcher.setDaemon(true);
        watcher.start();
    }

    private synchronized Actor add(String name, Thread thread) {
        Actor actor = new Actor(name, thread);
        actors.removeIf(other -> other.state == State.ENDED);
        actors.add(actor);
        byThread.put(thread, actor);
        return actor;
    }

    /** Starts a thread; it runs when it is given the baton. */
    public Actor start(String name, Body body) {
        Thread thread = new Thread(() -> run(body), name);
        thread.setDaemon(true);
        Actor actor = add(name, thread);
        thread.start();
        return actor;
    }

    private void run(Body body) {
        Actor me = byThread.get(Thread.currentThread());
        try {
            awaitTurn(me);
            body.run();
        } catch (Throwable t) {
            fail(new AssertionError("in " + me.name + ": " + t, t));
        } finally {
            end(me);
        }
    }

    private synchronized void fail(Throwable t) {
        if (failure == null) {
            failure = t;
        } else {
            failure.addSuppressed(t);
        }
    }

    private synchronized void end(Actor actor) {
        byThread.remove(actor.thread);
        actor.state = State.ENDED;
        if (running == actor) {
            running = null;
            give(choose(null));
        }
    }

    // ------------------------------------------------------------------ turns

    /**
     * A place where another thread may go on.
     *
     * @param place a name for it
     */
    public void pause(String place) {
        pause(place, 0, stall);
    }

    /** As above, where a thread that stands still is what others may stumble over. */
    public void linger(String place) {
        pause(place, 0, LINGERS);
    }

    /** As above, of a thread that has nothing to do until the others have taken some steps. */
    public void rest(String place, int others) {
        pause(place, others, 0);
    }

    private void pause(String place, int rest, double stalls) {
        if (free) {
            return;
        }
        Actor me = byThread.get(Thread.currentThread());
        if (me == null) {
            if (!takesPart.test(Thread.currentThread())) {
                return;
            }
            me = add(Thread.currentThread().getName(), Thread.currentThread());
            me.state = State.AWAY;
        }
        me.pausing = true;
        awaitReturns(me);
        synchronized (this) {
            steps++;
            me.place = place;
            me.awaited = true;
            if (me.state == State.RUNNING) {
                handOver(me, rest, stalls);
            } else {
                me.state = State.READY;
                if (place.equals(heldAt)) {
                    me.stalledUntil = steps + HELD;
                }
                if (running == null) {
                    give(choose(null));
                }
            }
        }
        awaitTurn(me);
    }

    private void handOver(Actor me, int rest, double stalls) {
        if (me.place.equals(heldAt)) {
            me.stalledUntil = steps + HELD;
        } else if (rest > 0) {
            me.stalledUntil = steps + rest;
        } else if (random.nextDouble() < stalls) {
            me.stalledUntil = steps + (long) Math.pow(2, MOST_DOUBLINGS * random.nextDouble());
        } else if (random.nextDouble() < stay) {
            return;
        }
        Actor next = choose(me);
        steps = Math.max(steps, next.stalledUntil);
        if (next != me) {
            me.state = State.READY;
            give(next);
        }
    }

    private Actor choose(Actor me) {
        List<Actor> ready = new ArrayList<>();
        Actor first = null;
        for (Actor actor : actors) {
            if (actor == me || actor.state == State.READY) {
                if (first == null || actor.stalledUntil < first.stalledUntil) {
                    first = actor;
                }
                if (actor.stalledUntil <= steps) {
                    ready.add(actor);
                }
            }
        }
        return ready.isEmpty() ? first : ready.get(random.nextInt(ready.size()));
    }

    private void give(Actor next) {
        running = next;
        if (next != null) {
            next.state = State.RUNNING;
            next.awake = false;
            LockSupport.unpark(next.thread);
        }
    }

    private void awaitTurn(Actor me) {
        while (!free) {
            synchronized (this) {
                if (me.state == State.RUNNING) {
                    me.awake = true;
                    me.pausing = false;
                    return;
                }
                if (Thread.currentThread().isInterrupted()) {
                    me.state = State.AWAY; // it is to end, or to fail
                    me.pausing = false;
                    return;
                }
            }
            LockSupport.park(this);
        }
        me.pausing = false;
    }

    /** Lets those come to a pause that have what they waited for. */
    private void awaitReturns(Actor me) {
        long since = 0;
        while (!free) {
            synchronized (this) {
                if (me.state != State.RUNNING) {
                    return;
                }
                Actor coming = null;
                for (Actor actor : actors) {
                    if (actor.state == State.AWAY && actor.awaited && actor.isComing()) {
                        coming = actor;
                    }
                }
                if (coming == null) {
                    return;
                }
                long now = System.nanoTime();
                since = since == 0 ? now : since;
                if (now - since > RETURN_NANOS) {
                    coming.awaited = false;
                    since = 0;
                }
            }
            Thread.onSpinWait();
        }
    }

    /** From now on threads stand still at a place, as long as another one can go on. */
    public synchronized void hold(String place) {
        heldAt = place;
    }

    /** Nobody is held any more. */
    public synchronized void letGo() {
        for (Actor actor : actors) {
            if (actor.place.equals(heldAt)) {
                actor.stalledUntil = steps;
            }
        }
        heldAt = "";
    }

    /** Lets others go on until one of them has ended. Its failure is thrown by {@link #check}. */
    public void join(Actor other) {
        while (!free && !other.hasEnded()) {
            rest("join", 10);
        }
    }

    // ------------------------------------------------------------------ the end

    /** Whether threads that go round and round shall end. */
    public boolean isStopping() {
        return stopping;
    }

    /** Whether any thread waits, for its turn or for something else, behind this place. */
    public synchronized boolean isAnyAt(String place) {
        return actors.stream().anyMatch(actor -> actor.isAt(place));
    }

    /** Throws what a thread has failed with. */
    public synchronized void check() {
        if (failure instanceof AssertionError e) {
            throw e;
        }
    }

    /** Has all threads that were started here end, and waits until they have. */
    public void stop() {
        stopping = true;
        for (Actor actor : all()) {
            if (actor.thread != Thread.currentThread() && !takesPart.test(actor.thread)) {
                join(actor);
            }
        }
        check();
    }

    /** Lets all threads run as they like, and waits until those that were started here end. */
    @Override
    public void close() {
        stopping = true;
        release();
        awaitEnd(watcher);
        for (Actor actor : all()) {
            if (actor.thread != Thread.currentThread() && !takesPart.test(actor.thread)) {
                awaitEnd(actor.thread);
            }
        }
    }

    private void awaitEnd(Thread thread) {
        try {
            thread.join(END_MILLIS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
        if (thread.isAlive()) {
            throw new AssertionError("a thread does not end\n" + describe());
        }
    }

    private synchronized List<Actor> all() {
        return List.copyOf(actors);
    }

    private synchronized void release() {
        free = true;
        actors.forEach(actor -> LockSupport.unpark(actor.thread));
    }

    // ------------------------------------------------------------------ who waits for what

    private void watch() {
        Actor seen = null;
        long seenSteps = -1;
        int blocked = 0;
        long since = System.nanoTime();
        long cpu = 0;
        while (!free) {
            LockSupport.parkNanos(LOOK_NANOS);
            synchronized (this) {
                long now = System.nanoTime();
                actors.forEach(this::noticeEnd);
                if (running == null) { // all were away when the next one was started
                    give(choose(null));
                }
                if (running != seen || steps != seenSteps) {
                    seen = running;
                    seenSteps = steps;
                    blocked = 0;
                    since = now;
                    cpu = seen == null ? 0 : seen.cpuNanos();
                } else if (seen != null && seen.awake && !seen.pausing) {
                    blocked = seen.isBlocked() ? blocked + 1 : 0;
                    if (blocked >= BLOCKED_LOOKS) {
                        leave(seen, true);
                    } else if (now - since > LONG_CPU_NANOS
                            && seen.cpuNanos() - cpu > LONG_CPU_NANOS) {
                        leave(seen, false);
                    }
                }
                if (now - since > STUCK_NANOS) {
                    // Whatever keeps it, it must not end the build: the watchdog sees a real hang.
                    System.err.println("A schedule stands still; all go on\n" + describe());
                    release();
                }
            }
        }
    }

    private void noticeEnd(Actor actor) {
        if (actor.state != State.ENDED && actor.thread.getState() == Thread.State.TERMINATED) {
            end(actor);
        }
    }

    private void leave(Actor actor, boolean awaited) {
        Actor next = choose(null);
        if (next != null) {
            actor.state = State.AWAY;
            actor.awaited = awaited;
            give(next);
        }
    }

    private String describe() {
        StringBuilder text = new StringBuilder();
        for (Actor actor : actors) {
            text.append(actor).append('\n');
            for (StackTraceElement element : actor.thread.getStackTrace()) {
                text.append("        at ").append(element).append('\n');
            }
        }
        return text.toString();
    }
}
