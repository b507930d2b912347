package io.lazystate.loading;

import io.lazystate.error.LazyStateException;
import java.util.function.BooleanSupplier;

/** Loading that ends with the first error. Threads: the task's. */
final class StrictRound implements HydrationRound {
    private final BooleanSupplier goOn;

    /**
     * @param goOn asked before each extent
     */
    StrictRound(BooleanSupplier goOn) {
        this.goOn = goOn;
    }

    @Override
    public boolean mayStart(ColdExtent next, boolean idle) {
        return goOn.getAsBoolean();
    }

    @Override
    public boolean awaitDone(Fetch fetch) {
        return fetch.awaitDoneUninterruptibly(Long.MAX_VALUE);
    }

    @Override
    public void linked(ColdExtent extent) {}

    @Override
    public void failed(ColdExtent extent, LazyStateException e) {
        throw e;
    }
}
