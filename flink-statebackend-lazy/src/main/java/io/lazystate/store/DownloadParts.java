package io.lazystate.store;

import java.util.concurrent.atomic.AtomicInteger;

/**
 * In how many parts a file is fetched: the fewer, the more files are under way.
 *
 * <p>Parts serve to fill the network. Where several files fill it already, each part more costs a
 * request, and the processor's time for it, and brings nothing. Threads: any.
 */
final class DownloadParts {

    /** So many files in the most parts fill the network. */
    private static final int FILES_IN_MOST_PARTS = 4;

    private final int most;
    private final AtomicInteger underWay = new AtomicInteger();

    /**
     * @param most parts of one file, at least 1
     */
    DownloadParts(int most) {
        this.most = most;
    }

    /** How many parts the file that begins now may have, at most; {@link #end} belongs to it. */
    int begin() {
        int files = underWay.incrementAndGet();
        return Math.max(1, most * FILES_IN_MOST_PARTS / Math.max(FILES_IN_MOST_PARTS, files));
    }

    void end() {
        underWay.decrementAndGet();
    }
}
