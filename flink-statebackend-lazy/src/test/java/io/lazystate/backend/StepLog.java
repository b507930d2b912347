package io.lazystate.backend;

import java.util.ArrayDeque;
import java.util.Deque;

/** The last steps of a history, to be printed if it fails. Threads: one. */
final class StepLog {
    private static final int KEPT = 60;

    private final Deque<String> last = new ArrayDeque<>();
    private long steps;

    void note(String step) {
        if (last.size() == KEPT) {
            last.remove();
        }
        last.add(++steps + " " + step);
    }

    long steps() {
        return steps;
    }

    @Override
    public String toString() {
        return String.join("\n", last);
    }
}
