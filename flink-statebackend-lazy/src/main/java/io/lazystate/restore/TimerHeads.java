package io.lazystate.restore;

import io.lazystate.error.LazyStateException;
import io.lazystate.loading.Arrival;
import io.lazystate.loading.PageId;
import io.lazystate.loading.PageLoader;
import io.lazystate.manifest.StateLayout;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Function;
import org.apache.flink.annotation.Internal;
import org.apache.flink.runtime.state.KeyGroupRange;

/**
 * The pages with the first timers of every key group, which the timer queues read before the task
 * runs.
 */
@Internal
public final class TimerHeads {
    private final PageLoader loader;
    private final KeyGroupRange keyGroups;
    private final int keyGroupPrefixBytes;

    public TimerHeads(PageLoader loader, KeyGroupRange keyGroups, int keyGroupPrefixBytes) {
        this.loader = loader;
        this.keyGroups = keyGroups;
        this.keyGroupPrefixBytes = keyGroupPrefixBytes;
    }

    /**
     * Fetches the heads of these queues. Cost: one wave; one before it if their page tables are not
     * here; and some behind it, of twice as many pages each, for key groups of which so many timers
     * have fired since the base run was written that the first live one lies further behind.
     *
     * @param queues by the names of their states
     * @throws LazyStateException as of the reads, naming the state
     */
    public void preload(Map<String, StateLayout> queues) {
        inOneWave(queues, queue -> loader.indexes().prefetchPageTables(queue.runs()));
        Map<String, List<TimerHead>> missing = new LinkedHashMap<>();
        queues.forEach((name, queue) -> missing.put(name, heads(queue)));
        while (!missing.isEmpty()) {
            Map<String, Set<PageId>> wave = new LinkedHashMap<>();
            missing.forEach((name, heads) -> wave.put(name, nextPages(heads)));
            wave.values().removeIf(Set::isEmpty);
            missing.keySet().retainAll(wave.keySet());
            inOneWave(wave, loader::prefetch);
        }
    }

    private List<TimerHead> heads(StateLayout queue) {
        List<TimerHead> heads = new ArrayList<>();
        for (int keyGroup : keyGroups) {
            heads.add(
                    new TimerHead(
                            loader,
                            queue,
                            RestorePlan.prefix(keyGroup, keyGroupPrefixBytes),
                            RestorePlan.prefixAfter(keyGroup, keyGroupPrefixBytes)));
        }
        return heads;
    }

    private static Set<PageId> nextPages(List<TimerHead> heads) {
        Set<PageId> pages = new LinkedHashSet<>();
        heads.removeIf(
                head -> {
                    Set<PageId> next = head.nextPages();
                    pages.addAll(next);
                    return next.isEmpty();
                });
        return pages;
    }

    private static <T> void inOneWave(Map<String, T> byState, Function<T, Arrival> start) {
        Map<String, Arrival> arrivals = new LinkedHashMap<>();
        byState.forEach((name, wanted) -> arrivals.put(name, start.apply(wanted)));
        arrivals.forEach(
                (name, arrival) -> {
                    try {
                        arrival.await();
                    } catch (LazyStateException e) {
                        throw e.inState(name);
                    }
                });
    }
}
