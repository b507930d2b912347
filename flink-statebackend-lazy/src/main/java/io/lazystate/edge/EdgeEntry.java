package io.lazystate.edge;

import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * A range of a file of the store, as a file of the cache.
 *
 * @param file hash of the file's path
 * @param offset of the first byte in the file
 * @param length in bytes, at least 1
 * @param bulk whether it was read to be used once, as a whole table is: it leaves first
 */
record EdgeEntry(String file, long offset, long length, boolean bulk) {

    /** What an entry takes on the disk, and at least in the index. */
    private static final long BLOCK_BYTES = 4096;

    private static final Pattern NAME =
            Pattern.compile("([0-9a-f]{32})-([0-9a-f]{1,15})-([0-9a-f]{1,15})\\.(page|bulk)");

    /** The entry of a file with this name; null if none has it. */
    static @Nullable EdgeEntry parse(String name) {
        Matcher matcher = NAME.matcher(name);
        if (!matcher.matches()) {
            return null;
        }
        long length = Long.parseLong(matcher.group(3), 16);
        return length == 0
                ? null
                : new EdgeEntry(
                        matcher.group(1),
                        Long.parseLong(matcher.group(2), 16),
                        length,
                        matcher.group(4).equals("bulk"));
    }

    /** Its path in a directory of the cache. */
    String path() {
        return String.format(
                "%s/%s-%x-%x.%s",
                file.substring(0, 2), file, offset, length, bulk ? "bulk" : "page");
    }

    long diskBytes() {
        return (length + BLOCK_BYTES - 1) / BLOCK_BYTES * BLOCK_BYTES;
    }

    boolean covers(EdgeEntry wanted) {
        return file.equals(wanted.file)
                && offset <= wanted.offset
                && wanted.offset + wanted.length <= offset + length;
    }
}
