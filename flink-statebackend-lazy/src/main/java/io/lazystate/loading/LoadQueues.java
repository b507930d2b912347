package io.lazystate.loading;

import io.lazystate.metrics.LoadCause;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.EnumMap;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Requests that wait for their turn: by urgency, and of equal urgency one of each client in turn.
 *
 * <p>Threads: none of its own; whoever calls holds the loader's lock. Bound: what clients ask for,
 * who wait for it or bound it themselves.
 */
final class LoadQueues {
    /** A request, whose it is, and for what. */
    record Queued(Object client, LoadCause cause, long bytes, LoadExecutor.Request request) {}

    /** The requests of one client for one cause. */
    private record Line(Object client, Deque<Queued> requests) {}

    /** Of each cause the lines that are not empty, that whose turn it is first. */
    private final Map<LoadCause, Deque<Line>> lines = new EnumMap<>(LoadCause.class);

    LoadQueues() {
        for (LoadCause cause : LoadCause.values()) {
            lines.put(cause, new ArrayDeque<>());
        }
    }

    void add(Queued queued) {
        Deque<Line> ofCause = lines(queued.cause());
        for (Line line : ofCause) {
            if (line.client() == queued.client()) {
                line.requests().add(queued);
                return;
            }
        }
        Line line = new Line(queued.client(), new ArrayDeque<>());
        line.requests().add(queued);
        ofCause.add(line);
    }

    /** The most urgent one, which stays. */
    @Nullable Queued peek() {
        for (LoadCause cause : LoadCause.values()) {
            Line line = lines(cause).peek();
            if (line != null) {
                return line.requests().element();
            }
        }
        return null;
    }

    /** Removes what {@link #peek} returns; its client comes behind the others then. */
    void remove(Queued first) {
        Deque<Line> ofCause = lines(first.cause());
        Line line = ofCause.remove();
        line.requests().remove();
        if (!line.requests().isEmpty()) {
            ofCause.add(line);
        }
    }

    /** Undoes {@link #remove}: it is what {@link #peek} returns again. */
    void putBack(Queued first) {
        Deque<Line> ofCause = lines(first.cause());
        Line line = new Line(first.client(), new ArrayDeque<>());
        for (Iterator<Line> all = ofCause.iterator(); all.hasNext(); ) {
            Line other = all.next();
            if (other.client() == first.client()) {
                all.remove();
                line = other;
            }
        }
        line.requests().addFirst(first);
        ofCause.addFirst(line);
    }

    /** Removes all of a client. */
    List<Queued> removeAll(Object client) {
        List<Queued> removed = new ArrayList<>();
        for (Deque<Line> ofCause : lines.values()) {
            for (Iterator<Line> all = ofCause.iterator(); all.hasNext(); ) {
                Line line = all.next();
                if (line.client() == client) {
                    removed.addAll(line.requests());
                    all.remove();
                }
            }
        }
        return removed;
    }

    private Deque<Line> lines(LoadCause cause) {
        Deque<Line> ofCause = lines.get(cause);
        if (ofCause == null) {
            throw new IllegalStateException("no lines of " + cause);
        }
        return ofCause;
    }
}
