package io.lazystate.watchdog;

import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The test that runs now, and until when it may.
 *
 * <p>Between two tests, what stands around them is watched in their place: the set-up and the end
 * of a class. Threads: any.
 */
final class Watch {
    /** What is to be done with a test. */
    enum Verdict {
        /** It has time left, or there is none. */
        IN_TIME,
        /** Its time is up. */
        OVERDUE,
        /** It went on although it was told to end. */
        STUCK
    }

    /**
     * Something that runs.
     *
     * @param thread that runs it
     */
    record Watched(String name, Thread thread, long allowedNanos) {}

    private final long graceNanos;
    private final List<Watched> running = new ArrayList<>();
    private long deadline;
    private boolean told;

    /**
     * @param graceNanos that a test has to end once its time is up
     */
    Watch(long graceNanos) {
        this.graceNanos = graceNanos;
    }

    /** Something begins; what it is part of has new time when it ends. */
    synchronized void begin(Watched next, long now) {
        running.add(next);
        renew(now);
    }

    /** Something ends that was begun under this name; returns whether it was told to. */
    synchronized boolean end(String name, long now) {
        boolean wasTold = told;
        for (int i = running.size() - 1; i >= 0; i--) {
            if (running.get(i).name().equals(name)) {
                running.remove(i);
                break;
            }
        }
        renew(now);
        return wasTold;
    }

    /** Interrupts something, unless it has ended and its thread is with something else. */
    synchronized void interrupt(Watched overdue) {
        if (overdue == current()) {
            overdue.thread().interrupt();
        }
    }

    private void renew(long now) {
        told = false;
        Watched current = current();
        deadline = current == null ? Long.MAX_VALUE : now + current.allowedNanos();
    }

    /** The innermost of what runs; null if nothing does. */
    synchronized @Nullable Watched current() {
        return running.isEmpty() ? null : running.get(running.size() - 1);
    }

    /** What is to be done now; each is said once. */
    synchronized Verdict check(long now) {
        if (running.isEmpty() || now - deadline < 0) {
            return Verdict.IN_TIME;
        }
        deadline = now + graceNanos;
        if (told) {
            return Verdict.STUCK;
        }
        told = true;
        return Verdict.OVERDUE;
    }
}
