package io.lazystate.examples.demo;

import io.lazystate.examples.flights.ResultRow;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.concurrent.ConcurrentHashMap;

/**
 * The last value of each result row, by operator and id, as 64-bit digests.
 *
 * <p>Rows that differ from the expected book are kept as text too, up to a bound, until a later one
 * agrees. Threads: any.
 */
final class ResultBook {
    private static final int MOST_SUSPECTS = 10_000;
    private static final int MOST_EXAMPLES = 5;

    private final Map<String, LongTable> tables = new ConcurrentHashMap<>();
    private final Map<String, String> suspects = new ConcurrentHashMap<>();

    /**
     * Takes a row.
     *
     * @return whether it agrees with the expected book
     */
    boolean add(ResultRow row, ResultBook expected) {
        long id = digest(row.id());
        long value = digest(row.value());
        table(row.operator()).put(id, value);
        if (expected == this) {
            return true;
        }
        LongTable known = expected.tables.get(row.operator());
        boolean agrees = known != null && known.holds(id, value);
        String name = row.operator() + " " + row.id();
        if (agrees) {
            suspects.remove(name);
        } else if (suspects.size() < MOST_SUSPECTS) {
            suspects.put(name, row.value());
        }
        return agrees;
    }

    /** Rows by operator, for people. */
    Map<String, Integer> sizes() {
        Map<String, Integer> sizes = new TreeMap<>();
        tables.forEach((operator, table) -> sizes.put(operator, table.size()));
        return sizes;
    }

    /** What differs from the expected book, a line each; empty if nothing does. */
    List<String> differences(ResultBook expected) {
        List<String> lines = new ArrayList<>();
        TreeSet<String> operators = new TreeSet<>(tables.keySet());
        operators.addAll(expected.tables.keySet());
        for (String operator : operators) {
            LongTable ours = table(operator);
            LongTable theirs = expected.table(operator);
            LongTable.Difference lacking = theirs.against(ours);
            long unexpected = ours.against(theirs).missing();
            if (lacking.missing() + lacking.unequal() + unexpected > 0) {
                lines.add(
                        operator
                                + ": "
                                + lacking.missing()
                                + " rows missing, "
                                + lacking.unequal()
                                + " with another value, "
                                + unexpected
                                + " unexpected, of "
                                + theirs.size());
            }
        }
        if (!lines.isEmpty()) {
            suspects.entrySet().stream()
                    .sorted(Map.Entry.comparingByKey())
                    .limit(MOST_EXAMPLES)
                    .forEach(row -> lines.add("e.g. " + row.getKey() + " = " + row.getValue()));
        }
        return lines;
    }

    private LongTable table(String operator) {
        return tables.computeIfAbsent(operator, key -> new LongTable());
    }

    /** FNV-1a over the characters, then mixed so that every bit depends on all of them. */
    private static long digest(String text) {
        long hash = 0xcbf29ce484222325L;
        for (int i = 0; i < text.length(); i++) {
            hash = (hash ^ text.charAt(i)) * 0x100000001b3L;
        }
        hash = (hash ^ (hash >>> 30)) * 0xbf58476d1ce4e5b9L;
        hash = (hash ^ (hash >>> 27)) * 0x94d049bb133111ebL;
        return hash ^ (hash >>> 31);
    }
}
