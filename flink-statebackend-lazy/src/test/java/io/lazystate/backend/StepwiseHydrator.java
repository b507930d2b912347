package io.lazystate.backend;

import io.lazystate.loading.Hydrator;
import io.lazystate.loading.PageLoader;
import io.lazystate.metrics.LoadingMetrics;
import io.lazystate.run.RunFormat;
import io.lazystate.store.StateHandleReader;
import java.nio.file.Path;
import java.util.concurrent.atomic.AtomicInteger;
import org.apache.flink.util.concurrent.Executors;

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
        this.task = task;
        PageLoader loader =
                new PageLoader(
                        new StateHandleReader(),
                        Executors.newDirectExecutorService(),
                        0,
                        new LoadingMetrics());
        this.hydrator =
                new Hydrator(
                        "fuzz",
                        task.database().linker(),
                        loader,
                        RunFormat.ofPages(256),
                        directory,
                        Executors.newDirectExecutorService(),
                        1);
    }

    /** Links some extents, those of one state or of all. */
    void link(int extents, String state) {
        AtomicInteger left = new AtomicInteger(extents);
        hydrator.hydrate(
                name -> state == null || name.equals(state), () -> left.getAndDecrement() > 0);
    }

    /** Whether something is cold; what was linked before is not. Task thread. */
    boolean hasWork() {
        task.database().settle();
        return !task.database().coldExtents().isEmpty();
    }
}
