package io.lazystate.run;

import org.apache.flink.annotation.Internal;
import org.jspecify.annotations.Nullable;

/**
 * A forward cursor over the rows of a whole run that asks for a page only when more than the page's
 * first key is needed.
 *
 * <p>The first key of every page stands in the page table, so a cursor that leaves a page stands on
 * the next one's first row without having it: whoever stops there has not paid for the page. Not
 * thread-safe; it holds one page at a time.
 */
@Internal
public final class RunCursor implements RowCursor {

    /** Gives pages to a cursor that goes forward; its errors pass through. */
    @FunctionalInterface
    public interface Pages {
        /**
         * The page with this index of the table.
         *
         * @param walked how many pages the cursor went through since its last seek
         */
        Page fetch(int page, int walked);
    }

    private final PageTable table;
    private final boolean removals;
    private final Pages pages;
    private int page;
    private int walked;
    private @Nullable PageCursor rows;

    /**
     * @param removals whether the run may hold removals; base runs hold none, and then telling
     *     whether a row is one needs no page
     */
    public RunCursor(PageTable table, boolean removals, Pages pages) {
        this.table = table;
        this.removals = removals;
        this.pages = pages;
        this.page = table.pages();
    }

    @Override
    public void seekToFirst() {
        walked = 0;
        standBefore(0);
    }

    @Override
    public void seek(byte[] key) {
        int holder = table.pageFor(key);
        if (holder < 0) {
            seekToFirst();
            return;
        }
        walked = 0;
        PageCursor found = page == holder ? rows : null;
        if (found == null) {
            standBefore(table.pages()); // should the fetch throw, the cursor stands nowhere
            found = pages.fetch(holder, walked).cursor();
        }
        found.seek(key);
        if (found.valid()) {
            page = holder;
            rows = found;
        } else {
            standBefore(holder + 1);
        }
    }

    @Override
    public boolean valid() {
        return page < table.pages();
    }

    @Override
    public void next() {
        PageCursor current = rows();
        current.next();
        if (!current.valid()) {
            walked++;
            standBefore(page + 1);
        }
    }

    @Override
    public byte[] key() {
        requireRow();
        return rows == null ? table.page(page).firstKey() : rows.key();
    }

    @Override
    public boolean isRemoval() {
        requireRow();
        return removals && rows().isRemoval();
    }

    @Override
    public byte[] value() {
        return rows().value();
    }

    private void standBefore(int nextPage) {
        page = nextPage;
        rows = null;
    }

    private PageCursor rows() {
        requireRow();
        PageCursor current = rows;
        if (current == null) {
            current = pages.fetch(page, walked).cursor();
            current.seekToFirst();
            rows = current;
        }
        return current;
    }

    private void requireRow() {
        if (!valid()) {
            throw new IllegalStateException("the cursor stands on no row");
        }
    }
}
