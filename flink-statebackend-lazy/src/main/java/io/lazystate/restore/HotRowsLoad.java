package io.lazystate.restore;

import io.lazystate.error.Kind;
import io.lazystate.error.LazyStateException;
import io.lazystate.loading.Futures;
import io.lazystate.loading.LoadExecutor;
import io.lazystate.loading.PageLoader;
import io.lazystate.manifest.Manifest;
import io.lazystate.metrics.LoadCause;
import io.lazystate.run.Page;
import io.lazystate.run.PageCursor;
import io.lazystate.run.Run;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.NavigableMap;
import java.util.Objects;
import java.util.TreeMap;
import java.util.concurrent.Future;
import java.util.function.Consumer;
import org.apache.flink.runtime.state.KeyGroupRange;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The hot rows of a checkpoint, on their way.
 *
 * <p>Cost: one ranged read for each handle that has some. What cannot be read is left out, since
 * every row lies in another run too.
 */
final class HotRowsLoad {
    private static final Logger LOG = LoggerFactory.getLogger(HotRowsLoad.class);

    private record Part(Manifest manifest, Future<List<Page>> pages) {}

    private final KeyGroupRange keyGroups;
    private final List<Part> parts = new ArrayList<>();

    private HotRowsLoad(KeyGroupRange keyGroups) {
        this.keyGroups = keyGroups;
    }

    /** Starts the reads. */
    static HotRowsLoad start(
            List<Manifest> manifests,
            KeyGroupRange keyGroups,
            PageLoader loader,
            @Nullable LoadExecutor executor) {
        return start(manifests, keyGroups, loader, executor, LoadCause.PRELOAD);
    }

    private static HotRowsLoad start(
            List<Manifest> manifests,
            KeyGroupRange keyGroups,
            PageLoader loader,
            @Nullable LoadExecutor executor,
            LoadCause cause) {
        HotRowsLoad load = new HotRowsLoad(keyGroups);
        for (Manifest manifest : manifests) {
            Run hot = manifest.hot();
            if (hot != null && executor != null) {
                long bytes = hot.meta().tableBytes();
                int pages = hot.meta().pageCount();
                load.parts.add(
                        new Part(
                                manifest,
                                executor.submit(
                                        cause,
                                        bytes,
                                        () -> loader.reads().pages(hot, 0, pages, cause))));
            }
        }
        return load;
    }

    /**
     * Loads them behind a task that runs, in one request that nobody waits for.
     *
     * @param target gets what {@link #await} would return, in a thread of the executor
     */
    static void behind(
            List<Manifest> manifests,
            KeyGroupRange keyGroups,
            PageLoader loader,
            LoadExecutor executor,
            Consumer<Map<String, NavigableMap<byte[], byte[]>>> target) {
        List<Run> runs = manifests.stream().map(Manifest::hot).filter(Objects::nonNull).toList();
        if (runs.isEmpty()) {
            return;
        }
        LoadExecutor here = (cause, bytes, request) -> request.run();
        executor.execute(
                LoadCause.WARM_UP,
                runs.stream().mapToLong(run -> run.meta().tableBytes()).sum(),
                new LoadExecutor.Request() {
                    @Override
                    public void run() {
                        try {
                            HotRowsLoad load =
                                    start(manifests, keyGroups, loader, here, LoadCause.WARM_UP);
                            target.accept(load.await());
                        } catch (LazyStateException e) {
                            LOG.debug("The task ended before its hot rows were loaded", e);
                        }
                    }

                    @Override
                    public void dropped() {}
                });
    }

    /**
     * Waits for the rows.
     *
     * @return rows of the subtask's key groups, by the names of their states
     * @throws LazyStateException CLOSED
     */
    Map<String, NavigableMap<byte[], byte[]>> await() {
        Map<String, NavigableMap<byte[], byte[]>> rows = new LinkedHashMap<>();
        for (Part part : parts) {
            try {
                List<Page> pages = Futures.await(part.pages());
                pages.forEach(page -> add(part.manifest(), page, rows));
            } catch (LazyStateException e) {
                if (e.kind() == Kind.CLOSED) {
                    throw e;
                }
                LOG.warn(
                        "Hot rows could not be loaded; they are read when they are used: {}",
                        e.getMessage());
            }
        }
        return rows;
    }

    private void add(Manifest manifest, Page page, Map<String, NavigableMap<byte[], byte[]>> rows) {
        List<String> states = List.copyOf(manifest.states().keySet());
        PageCursor cursor = page.cursor();
        for (cursor.seekToFirst(); cursor.valid(); cursor.next()) {
            byte[] prefixed = cursor.key();
            int state = ((prefixed[0] & 0xff) << 8) | (prefixed[1] & 0xff);
            byte[] key = Arrays.copyOfRange(prefixed, Manifest.HOT_PREFIX_BYTES, prefixed.length);
            if (state < states.size() && isOwn(key, manifest.keyGroupPrefixBytes())) {
                rows.computeIfAbsent(states.get(state), s -> new TreeMap<>(Arrays::compareUnsigned))
                        .put(key, cursor.value());
            }
        }
    }

    private boolean isOwn(byte[] key, int keyGroupPrefixBytes) {
        int keyGroup = 0;
        for (int i = 0; i < keyGroupPrefixBytes; i++) {
            keyGroup = (keyGroup << 8) | (key[i] & 0xff);
        }
        return keyGroups.contains(keyGroup);
    }
}
