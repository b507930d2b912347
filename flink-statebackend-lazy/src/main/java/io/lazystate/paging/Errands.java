package io.lazystate.paging;

import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;

/**
 * What the task thread is to do at its next access. Threads: any adds, the task thread runs. Cost:
 * one field as long as there is nothing to do.
 */
final class Errands {
    private final Queue<Runnable> queue = new ConcurrentLinkedQueue<>();
    private volatile boolean due;

    void add(Runnable work) {
        queue.add(work);
        due = true;
    }

    /** Has every access ask from now on, whatever there is to do. */
    void stayDue() {
        due = true;
    }

    boolean areDue() {
        return due;
    }

    /** Runs what is due. If one fails the others are still to come, with the next access. */
    void run() {
        due = false;
        try {
            Runnable work;
            while ((work = queue.poll()) != null) {
                work.run();
            }
        } finally {
            if (!queue.isEmpty()) {
                due = true;
            }
        }
    }
}
