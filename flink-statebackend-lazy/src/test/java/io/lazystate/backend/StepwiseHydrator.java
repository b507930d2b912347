package io.lazystate.backend;

import io.lazystate.error.LazyStateException;
import io.lazystate.loading.ByteRate;
import io.lazystate.loading.HydrationPace;
import io.lazystate.loading.HydrationSettings;
import io.lazystate.loading.Hydrator;
import io.lazystate.loading.PageLoader;
import io.lazystate.loading.Pressure;
import io.lazystate.loading.Room;
import io.lazystate.metrics.LoadingMetrics;
import io.lazystate.run.RunFormat;
import io.lazystate.store.Backoff;
import io.lazystate.store.OneCopy;
import io.lazystate.store.StateHandleReader;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * Links cold extents of a task one by one when it is told to, in the calling thread: the same
 * history links the same extents at the same steps.
 *
 * <p>Threads: any, one at a time.
 */
final class StepwiseHydrator {
    private final TestTask task;
    private final Hydrator hydrator;

    StepwiseHydrator(TestTask task, Path directory) {
        this(task, directory, loader(), Room.ENDLESS);
    }

    /** A loader that reads at once, and caches nothing. */
    static PageLoader loader() {
        return new PageLoader(
                OneCopy.of(new StateHandleReader()),
                (cause, bytes, request) -> request.run(),
                0,
                new LoadingMetrics());
    }

    StepwiseHydrator(TestTask task, Path directory, PageLoader loader, Room room) {
        this.task = task;
        this.hydrator =
                new Hydrator(
                        "fuzz",
                        task.database().linker(),
                        loader,
                        (cause, bytes, request) -> request.run(),
                        new HydrationSettings(
                                RunFormat.ofPages(256), directory, 1, List.of(), 1 << 10, 0),
                        new HydrationPace(
                                System::nanoTime,
                                Thread::sleep,
                                new Backoff(0, 0, () -> 0),
                                new ByteRate(System::nanoTime),
                                Pressure.NONE),
                        room);
    }

    Hydrator hydrator() {
        return hydrator;
    }

    /**
     * Links some extents, those of one state or of all; none that were evicted while a checkpoint
     * under way still reads them.
     */
    void link(int extents, String state) {
        AtomicInteger left = new AtomicInteger(extents);
        try {
            hydrator.hydrate(
                    name -> state == null || name.equals(state), () -> left.getAndDecrement() > 0);
        } catch (LazyStateException e) {
            if (!e.getMessage().contains("still reads rows that were evicted")) {
                throw e;
            }
        }
    }

    /** Whether something is cold; what was linked before is not. Task thread. */
    boolean hasWork() {
        task.database().settle();
        return !task.database().coldExtents().isEmpty();
    }
}
