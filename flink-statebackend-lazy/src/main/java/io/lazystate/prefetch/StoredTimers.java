package io.lazystate.prefetch;

import io.lazystate.paging.RowsAhead;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import org.apache.flink.core.memory.DataInputDeserializer;
import org.apache.flink.runtime.state.CompositeKeySerializationUtils;
import org.apache.flink.runtime.state.KeyGroupRange;
import org.apache.flink.runtime.state.KeyGroupRangeAssignment;
import org.apache.flink.streaming.api.operators.InternalTimer;
import org.apache.flink.streaming.api.operators.TimerHeapInternalTimer;
import org.apache.flink.streaming.api.operators.TimerSerializer;
import org.jspecify.annotations.Nullable;

/**
 * The next timers of a queue in RocksDB, read from its rows: key group, timestamp, key, namespace.
 *
 * <p>Each key group is read forward once, some rows at a time, and what Flink's heap of key groups
 * would give is played through with them. A key group of which a row is not at hand is left out
 * until it is. One that has come to its end is looked at again when time has gone on for a quarter
 * of the lookahead, and the queue was used so often that this costs little. A timer that is added
 * before the place that its key group was read to is not told: its rows were used when it was
 * added.
 *
 * <p>Bounds: as many timers as are wanted, and {@link #ROWS_A_READ} a key group. Cost: a call reads
 * {@link #ROWS_A_READ} timers at a time, as often as is needed for those that are wanted and {@link
 * #READS_A_STEP} times more; in the first call, once more for each key group.
 */
final class StoredTimers<K, N> implements UpcomingTimers<TimerHeapInternalTimer<K, N>> {
    private static final int ROWS_A_READ = 16;
    private static final int READS_A_STEP = 16;
    private static final int CALLS_A_READ = 4;

    /** Where the rows of a queue lie. */
    record Place(
            String queue,
            RowsAhead rows,
            KeyGroupRange keyGroups,
            int keyGroupPrefixBytes,
            int numberOfKeyGroups) {}

    private static final class Group<T> {
        private final byte[] prefix;

        /** In the order of their rows; the first is the first of the key group. */
        private final List<T> timers = new ArrayList<>();

        private byte[] readTo;
        private boolean ended;

        /** How many of the timers the game has taken. */
        private int played;

        Group(byte[] prefix) {
            this.prefix = prefix;
            this.readTo = prefix;
        }
    }

    private final Place place;
    private final TimerSerializer<K, N> serializer;
    private final KeyGroupOrder order;
    private final long lookaheadMillis;
    private final List<Group<TimerHeapInternalTimer<K, N>>> groups = new ArrayList<>();
    private final DataInputDeserializer in = new DataInputDeserializer();
    private int readsLeft;
    private long calls;
    private long nextSweep = Long.MIN_VALUE;

    /**
     * @param serializer of this object's own
     */
    StoredTimers(
            Place place,
            TimerSerializer<K, N> serializer,
            KeyGroupOrder order,
            long lookaheadMillis) {
        this.place = place;
        this.serializer = serializer;
        this.order = order;
        this.lookaheadMillis = lookaheadMillis;
        this.readsLeft = place.keyGroups.getNumberOfKeyGroups() + READS_A_STEP;
        for (int keyGroup : place.keyGroups) {
            byte[] prefix = new byte[place.keyGroupPrefixBytes];
            CompositeKeySerializationUtils.serializeKeyGroup(keyGroup, prefix);
            groups.add(new Group<>(prefix));
        }
    }

    @Override
    public List<TimerHeapInternalTimer<K, N>> upcoming(long base, long horizon, int most) {
        List<TimerHeapInternalTimer<K, N>> upcoming = new ArrayList<>();
        RowsAhead.@Nullable State rows = place.rows.state(place.queue);
        if (rows == null) {
            return upcoming;
        }
        readsLeft = Math.max(readsLeft, READS_A_STEP + most / ROWS_A_READ);
        sweepIfDue(base);
        int[] heap = order.places();
        for (Group<TimerHeapInternalTimer<K, N>> group : groups) {
            group.played = 0;
            forgetBefore(base, group.timers);
            head(group, rows);
        }
        if (!order.isKnown()) {
            sort(heap, rows);
        }
        while (upcoming.size() < most) {
            Group<TimerHeapInternalTimer<K, N>> first = groups.get(heap[1]);
            TimerHeapInternalTimer<K, N> next = head(first, rows);
            if (next == null || next.getTimestamp() > horizon) {
                break;
            }
            upcoming.add(next);
            first.played++;
            sink(heap, rows);
        }
        return upcoming;
    }

    @Override
    public void fired(TimerHeapInternalTimer<K, N> timer) {
        int keyGroup =
                KeyGroupRangeAssignment.assignToKeyGroup(timer.getKey(), place.numberOfKeyGroups);
        List<TimerHeapInternalTimer<K, N>> known =
                groups.get(keyGroup - place.keyGroups.getStartKeyGroup()).timers;
        int gone = 0; // those before it were deleted
        for (int i = 0; i < known.size() && i < gone + ROWS_A_READ; i++) {
            TimerHeapInternalTimer<K, N> earlier = known.get(i);
            if (earlier.getTimestamp() > timer.getTimestamp()) {
                break;
            }
            if (earlier.getTimestamp() < timer.getTimestamp() || earlier.equals(timer)) {
                gone = i + 1;
            }
        }
        known.subList(0, gone).clear();
    }

    /** They have fired while nobody looked, since everything was resident. */
    private static void forgetBefore(long base, List<? extends InternalTimer<?, ?>> known) {
        int gone = 0;
        while (gone < known.size() && known.get(gone).getTimestamp() < base) {
            gone++;
        }
        if (gone > 0) {
            known.subList(0, gone).clear();
        }
    }

    @Override
    public void used() {
        calls++;
    }

    /** Key groups that had come to their end may have new timers. */
    private void sweepIfDue(long base) {
        if (base >= nextSweep && calls >= (long) CALLS_A_READ * groups.size()) {
            groups.forEach(group -> group.ended = false);
            calls = 0;
            nextSweep = later(base, lookaheadMillis / 4);
        }
    }

    /** A heap too, if not the one that Flink has. */
    private void sort(int[] heap, RowsAhead.State rows) {
        List<Integer> sorted = new ArrayList<>();
        for (int i = 1; i < heap.length; i++) {
            sorted.add(heap[i]);
        }
        sorted.sort(Comparator.comparingLong(group -> headTime(group, rows)));
        for (int i = 1; i < heap.length; i++) {
            heap[i] = sorted.get(i - 1);
        }
    }

    /** What the heap of key groups does once the first one has another head. */
    private void sink(int[] heap, RowsAhead.State rows) {
        int moved = heap[1];
        long time = headTime(moved, rows);
        int at = 1;
        int child = lesserChild(heap, at, rows);
        while (child < heap.length && headTime(heap[child], rows) < time) {
            heap[at] = heap[child];
            at = child;
            child = lesserChild(heap, at, rows);
        }
        heap[at] = moved;
    }

    private int lesserChild(int[] heap, int at, RowsAhead.State rows) {
        int first = at << 1;
        int second = first + 1;
        return second < heap.length && headTime(heap[second], rows) < headTime(heap[first], rows)
                ? second
                : first;
    }

    /** Key groups without a timer, or with one that is not known, come last. */
    private long headTime(int group, RowsAhead.State rows) {
        TimerHeapInternalTimer<K, N> head = head(groups.get(group), rows);
        return head == null ? Long.MAX_VALUE : head.getTimestamp();
    }

    private @Nullable TimerHeapInternalTimer<K, N> head(
            Group<TimerHeapInternalTimer<K, N>> group, RowsAhead.State rows) {
        if (group.played == group.timers.size() && !group.ended && readsLeft > 0) {
            read(group, rows);
        }
        return group.played == group.timers.size() ? null : group.timers.get(group.played);
    }

    private void read(Group<TimerHeapInternalTimer<K, N>> group, RowsAhead.State rows) {
        readsLeft--;
        RowsAhead.Keys keys = rows.keysAfter(group.readTo, group.prefix, ROWS_A_READ);
        for (byte[] key : keys.keys()) {
            group.readTo = key;
            group.timers.add(timer(key));
        }
        group.ended = !keys.missing() && keys.keys().size() < ROWS_A_READ;
    }

    private TimerHeapInternalTimer<K, N> timer(byte[] row) {
        in.setBuffer(row, place.keyGroupPrefixBytes, row.length - place.keyGroupPrefixBytes);
        try {
            return serializer.deserialize(in);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** A time behind another one, or the end of time. */
    static long later(long time, long millis) {
        long later = time + millis;
        return later < time ? Long.MAX_VALUE : later;
    }
}
