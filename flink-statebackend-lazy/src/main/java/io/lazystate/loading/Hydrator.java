package io.lazystate.loading;

import io.lazystate.error.Kind;
import io.lazystate.error.LazyStateException;
import io.lazystate.loading.LinkTarget.Linkable;
import io.lazystate.run.RunFormat;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.Iterator;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Future;
import java.util.concurrent.RejectedExecutionException;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;
import java.util.function.Predicate;
import org.apache.flink.annotation.Internal;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Makes cold extents resident: fetches their files over several connections and links them.
 *
 * <p>Threads: each pass runs in its caller's; fetches run in the executor, at most {@code
 * connections} at a time, so at most that many extents lie on the disk unlinked. Cost: one ranged
 * read per extent, two or more if it has deltas or was clipped.
 */
@Internal
public final class Hydrator {
    private static final Logger LOG = LoggerFactory.getLogger(Hydrator.class);

    /** Extents that are linked with one call at the most. */
    private static final int EXTENTS_A_LINK = 8;

    private final String owner;
    private final LinkTarget target;
    private final ExtentFiles files;
    private final ExecutorService executor;
    private final int connections;

    /**
     * @param owner whose state it is, for the log
     * @param directory on the file system of the local database, so that files can be moved into it
     */
    public Hydrator(
            String owner,
            LinkTarget target,
            PageLoader loader,
            RunFormat format,
            Path directory,
            ExecutorService executor,
            int connections) {
        this.owner = owner;
        this.target = target;
        this.files = new ExtentFiles(loader, format, directory);
        this.executor = executor;
        this.connections = connections;
    }

    /**
     * Hydrates everything that is cold, for a background thread. What fails stays cold and is
     * logged: a read that needs it fails with the same error, or succeeds if the store is back.
     */
    public void run() {
        long start = System.nanoTime();
        List<ColdExtent> cold = target.coldExtents();
        List<LazyStateException> failures = new ArrayList<>();
        try {
            hydrate(cold, () -> true, failures::add);
        } catch (LazyStateException closed) {
            LOG.debug("Hydration of {} was stopped", owner, closed);
            return;
        }
        for (LazyStateException e : failures) {
            // A store that is away fails thousands: one line each says all that there is to do.
            LOG.warn(
                    "An extent of {} could not be hydrated and stays cold: {}",
                    owner,
                    e.getMessage());
            LOG.debug("Hydration of {} failed", owner, e);
        }
        LOG.info(
                "Hydrated {} of {} extents of {} in {} ms",
                cold.size() - failures.size(),
                cold.size(),
                owner,
                (System.nanoTime() - start) / 1_000_000);
    }

    /**
     * Hydrates the chosen states while the caller waits.
     *
     * @param goOn asked before each extent; when it says no, the rest stays cold
     * @throws LazyStateException the first error; extents before it are linked
     */
    public void hydrate(Predicate<String> states, BooleanSupplier goOn) {
        List<ColdExtent> chosen = new ArrayList<>(target.coldExtents());
        chosen.removeIf(cold -> !states.test(cold.state()));
        hydrate(
                chosen,
                goOn,
                failure -> {
                    throw failure;
                });
    }

    private void hydrate(
            List<ColdExtent> extents,
            BooleanSupplier goOn,
            Consumer<LazyStateException> onFailure) {
        Deque<Future<Linkable>> underWay = new ArrayDeque<>();
        Iterator<ColdExtent> rest = extents.iterator();
        LinkTarget.Pin pin = target.pin(extents);
        try {
            while (true) {
                while (underWay.size() < connections && rest.hasNext() && goOn.getAsBoolean()) {
                    ColdExtent next = rest.next();
                    underWay.add(executor.submit(() -> files.fetch(next)));
                }
                if (underWay.isEmpty()) {
                    return;
                }
                List<Linkable> ready = new ArrayList<>();
                do {
                    attempt(() -> ready.add(Futures.await(underWay.remove())), onFailure);
                } while (ready.size() < EXTENTS_A_LINK
                        && !underWay.isEmpty()
                        && underWay.element().isDone());
                attempt(() -> target.link(ready), onFailure);
            }
        } catch (RejectedExecutionException e) {
            throw Futures.stopped(e);
        } finally {
            underWay.forEach(future -> future.cancel(true));
            target.linkingDone();
            pin.close();
        }
    }

    private static void attempt(Runnable work, Consumer<LazyStateException> onFailure) {
        try {
            work.run();
        } catch (LazyStateException e) {
            if (e.kind() == Kind.CLOSED) {
                throw e;
            }
            onFailure.accept(e);
        }
    }
}
