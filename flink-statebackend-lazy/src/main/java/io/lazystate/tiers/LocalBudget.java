package io.lazystate.tiers;

import io.lazystate.loading.ColdExtent;
import io.lazystate.loading.Room;
import java.io.Closeable;
import java.util.ArrayList;
import java.util.List;
import org.apache.flink.annotation.Internal;

/**
 * The bytes of local disk that the databases of a process may take up together.
 *
 * <p>Each database may have an equal part, and what the others do not use. Threads: any. If jobs
 * set different limits, the smallest counts.
 */
@Internal
public final class LocalBudget {
    private static final LocalBudget OF_PROCESS = new LocalBudget();

    private final List<Share> shares = new ArrayList<>();

    public LocalBudget() {}

    /** The one that all keyed backends share. */
    public static LocalBudget ofProcess() {
        return OF_PROCESS;
    }

    /** A database more; its part is given back when the share is closed. */
    public synchronized Share open(TierSettings settings) {
        Share share = new Share(settings);
        shares.add(share);
        return share;
    }

    private synchronized long allowed(Share asking) {
        long max = Long.MAX_VALUE;
        long others = 0;
        for (Share share : shares) {
            max = Math.min(max, share.settings.maxBytes());
            others += share == asking ? 0 : share.usedBytes() + share.underWay;
        }
        return Math.max(max / Math.max(1, shares.size()), max - others);
    }

    private synchronized void close(Share share) {
        shares.remove(share);
    }

    /** What one database may take up; hydration asks it for room. */
    public final class Share implements Room, Closeable {
        private final TierSettings settings;
        private volatile long used;
        private volatile long underWay;
        private volatile long reserved;
        private volatile long hydrated;

        private Share(TierSettings settings) {
            this.settings = settings;
        }

        /** Notes what the database takes up. */
        void used(long bytes) {
            used = bytes;
        }

        /** Bytes that hydration brought so far. */
        long hydratedBytes() {
            return hydrated;
        }

        /** Keeps hydration from room that what is written will need. */
        void reserve(long bytes) {
            reserved = bytes;
        }

        /** What it took up when it was last measured. */
        public long usedBytes() {
            return used;
        }

        /** Bytes that it may take up now. */
        public long allowedBytes() {
            return allowed(this);
        }

        /** Bytes that may still be hydrated. */
        long freeBytes() {
            double limit =
                    Math.min(
                            settings.hydrateBelow() * allowed(this),
                            settings.evictAbove() * allowed(this) - reserved);
            return (long) limit - used - underWay;
        }

        @Override
        public boolean fits(ColdExtent next) {
            synchronized (LocalBudget.this) {
                if (next.bytes() > freeBytes()) {
                    return false;
                }
                underWay += next.bytes();
                return true;
            }
        }

        /** Until it is measured again, it counts as used. */
        @Override
        public void arrived(ColdExtent extent) {
            synchronized (LocalBudget.this) {
                underWay -= extent.bytes();
                used += extent.bytes();
                hydrated += extent.bytes();
            }
        }

        @Override
        public void close() {
            LocalBudget.this.close(this);
        }
    }
}
