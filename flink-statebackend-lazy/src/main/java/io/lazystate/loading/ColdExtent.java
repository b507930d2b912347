package io.lazystate.loading;

import io.lazystate.manifest.Extent;
import io.lazystate.run.PageTable;
import io.lazystate.run.Run;
import java.util.Arrays;
import org.apache.flink.annotation.Internal;
import org.jspecify.annotations.Nullable;

/** An extent that can be hydrated: the state it belongs to, by name, and where its rows lie. */
@Internal
public record ColdExtent(String state, Extent extent) {
    /** The base run, if all its rows are the extent's, so that its table can be linked as it is. */
    @Nullable Run wholeBase() {
        Run base = extent.base();
        if (base == null) {
            return null;
        }
        byte[] upper = extent.upper();
        boolean whole =
                Arrays.compareUnsigned(extent.lower(), base.meta().firstKey()) <= 0
                        && (upper == null
                                || Arrays.compareUnsigned(base.meta().lastKey(), upper) < 0);
        return whole ? base : null;
    }

    /**
     * Bytes that have to be fetched to make it resident: its base, and its part of each delta whose
     * page table is here.
     */
    public long bytes() {
        long bytes = extent.baseBytes();
        for (Run delta : extent.deltas()) {
            PageTable pages = delta.pageTable();
            if (pages != null) {
                byte[] upper = extent.upper();
                int first = Math.max(0, pages.pageFor(extent.lower()));
                int last = upper == null ? pages.pages() - 1 : pages.pageFor(upper);
                if (last >= first) {
                    bytes += pages.page(last).endOffset() - pages.page(first).offset();
                }
            }
        }
        return bytes;
    }
}
