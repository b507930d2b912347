package io.lazystate.examples.flights.source;

import java.io.Serializable;
import java.util.concurrent.CompletableFuture;

/**
 * Decides how far a {@link FlightSource} may go.
 *
 * <p>Positions count flights in order of arrival, from 0; the end of the input is the position
 * behind the last flight and passes the gate like a flight. Threads: called by the source's task
 * thread; what it asks may be changed by any thread.
 */
public interface Gate extends Serializable {

    /** Whether the flight at this position may leave; cheap, it is asked for each one. */
    boolean isOpen(long position);

    /** Completes when the flight at this position may leave. */
    CompletableFuture<Void> whenOpen(long position);

    /** A gate that lets everything through. */
    static Gate open() {
        return new Open();
    }

    /** See {@link Gate#open()}. */
    final class Open implements Gate {
        private static final long serialVersionUID = 1;

        private Open() {}

        @Override
        public boolean isOpen(long position) {
            return true;
        }

        @Override
        public CompletableFuture<Void> whenOpen(long position) {
            return CompletableFuture.completedFuture(null);
        }
    }
}
