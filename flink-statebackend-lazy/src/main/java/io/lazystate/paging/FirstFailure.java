package io.lazystate.paging;

import io.lazystate.error.Kind;
import io.lazystate.error.LazyStateException;
import io.lazystate.error.Where;
import java.lang.StackWalker.StackFrame;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Consumer;
import org.apache.flink.runtime.state.internal.InternalKvState;

/**
 * The first access of a task that failed: none succeeds after it, and no checkpoint begins.
 *
 * <p>Code that catches the error and goes on has lost an update, and a checkpoint would make the
 * loss last. RocksDB practically never fails a read, so there are jobs that catch errors of single
 * records. Queries are no accesses of the task: their clients hear of errors. Reads of a snapshot
 * are none either: what was captured before the failure is whole. Threads: any.
 */
final class FirstFailure {
    private static final StackWalker STACK =
            StackWalker.getInstance(StackWalker.Option.RETAIN_CLASS_REFERENCE);

    private final Thread taskThread = Thread.currentThread();
    private final Consumer<Throwable> failTask;
    private final Runnable askAccesses;
    private final AtomicReference<LazyStateException> first = new AtomicReference<>();

    /**
     * @param failTask is told once, in the thread whose access failed; what it throws is passed
     *     over
     * @param askAccesses called once, before; from then on every access has to ask {@link #refuse}
     */
    FirstFailure(Consumer<Throwable> failTask, Runnable askAccesses) {
        this.failTask = failTask;
        this.askAccesses = askAccesses;
    }

    /** Notes that an access failed; later ones change nothing. */
    void note(Throwable failure) {
        if (!isQuery() && first.compareAndSet(null, asOurs(failure))) {
            askAccesses.run();
            try {
                // Flink treats some errors of the virtual machine in a way of their own.
                failTask.accept(failure instanceof Error ? failure : asOurs(failure));
            } catch (RuntimeException | Error e) {
                if (e != failure) {
                    failure.addSuppressed(e);
                }
            }
        }
    }

    /**
     * Throws if an access has failed.
     *
     * @throws LazyStateException of the kind of that failure, which is its cause
     */
    void refuse() {
        LazyStateException failure = first.get();
        if (failure != null) {
            refuse(failure);
        }
    }

    private void refuse(LazyStateException failure) {
        if (!isQuery()) {
            throw new LazyStateException(
                    failure.kind(),
                    failure.where(),
                    "An earlier access to keyed state failed, and if this task went on, an update"
                            + " could be lost; its code must not go on after an error of a state"
                            + " access, the task restarts from its last checkpoint",
                    failure);
        }
    }

    private static LazyStateException asOurs(Throwable failure) {
        return failure instanceof LazyStateException ours
                ? ours
                : new LazyStateException(
                        Kind.UNAVAILABLE,
                        Where.NOWHERE,
                        "An access to keyed state failed: "
                                + failure
                                + "; check the local disk and the memory of the TaskManager, the"
                                + " task restarts from its last checkpoint",
                        failure);
    }

    /**
     * Whether this thread answers a query. It is not enough that it is another than the task's:
     * operators that are chained to a source of the old kind run in the source's thread.
     */
    private boolean isQuery() {
        return Thread.currentThread() != taskThread
                && STACK.walk(frames -> frames.anyMatch(FirstFailure::answersQuery));
    }

    private static boolean answersQuery(StackFrame frame) {
        return frame.getMethodName().equals("getSerializedValue")
                && InternalKvState.class.isAssignableFrom(frame.getDeclaringClass());
    }
}
