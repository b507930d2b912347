package io.lazystate.examples.demo;

import io.lazystate.examples.flights.source.Gate;
import java.util.concurrent.CompletableFuture;

/**
 * The gate of a run in this JVM.
 *
 * @param run name of its {@link RunControl}
 */
record RunGate(String run) implements Gate {
    @Override
    public boolean isOpen(long position) {
        return RunControl.named(run).isOpen(position);
    }

    @Override
    public CompletableFuture<Void> whenOpen(long position) {
        return RunControl.named(run).whenOpen(position);
    }
}
