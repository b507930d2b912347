package io.lazystate.run;

import io.lazystate.error.Where;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;

/** A run in a local file, read as a remote one would be, with a note of each page fetched. */
final class LocalRun {

    final PageTable pageTable;
    final List<Integer> fetched = new CopyOnWriteArrayList<>();
    private final byte[] table;

    LocalRun(Path file, PageTable pageTable) throws IOException {
        this.table = Files.readAllBytes(file);
        this.pageTable = pageTable;
    }

    byte[] stored(int page) {
        PageRef ref = pageTable.page(page);
        return Arrays.copyOfRange(table, (int) ref.offset(), (int) ref.endOffset());
    }

    Page fetch(int page) {
        fetched.add(page);
        return Page.decode(stored(page), 0, pageTable.page(page), Where.NOWHERE);
    }

    RunCursor cursor() {
        return new RunCursor(pageTable, true, (page, walked) -> fetch(page));
    }
}
