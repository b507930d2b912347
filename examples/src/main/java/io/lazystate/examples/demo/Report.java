package io.lazystate.examples.demo;

import java.util.Locale;
import java.util.Map;
import java.util.OptionalLong;
import java.util.function.Function;

/** The figures of all measured backends as a table and as JSON. */
final class Report {
    private static final String NOT_AVAILABLE = "n/a";

    private final Map<Backend, Recovery> recoveries;

    /**
     * @param recoveries in the order of the columns
     */
    Report(Map<Backend, Recovery> recoveries) {
        this.recoveries = recoveries;
    }

    boolean resultsEqual() {
        return recoveries.values().stream().allMatch(Recovery::resultsEqual);
    }

    String table() {
        StringBuilder table = new StringBuilder();
        row(table, "", Map.Entry::getKey, backend -> backend.label());
        figure(table, "state in the checkpoint", r -> megabytes(OptionalLong.of(r.stateBytes())));
        figure(table, "time to running", r -> seconds(OptionalLong.of(r.runningMillis())));
        figure(table, "time to first correct alarm", r -> seconds(r.firstResultMillis()));
        figure(table, "pages loaded by then", Report::pages);
        figure(table, "bytes read by then", r -> megabytes(r.first().bytesRead()));
        figure(table, "time to full residency", r -> seconds(r.residentMillis()));
        figure(table, "bytes read in all", r -> megabytes(OptionalLong.of(r.bytesRead())));
        figure(table, "results equal", r -> r.resultsEqual() ? "yes" : "NO");
        return table.toString();
    }

    private void figure(StringBuilder table, String name, Function<Recovery, String> text) {
        row(table, name, Map.Entry::getValue, text);
    }

    private <T> void row(
            StringBuilder table,
            String name,
            Function<Map.Entry<Backend, Recovery>, T> part,
            Function<T, String> text) {
        table.append(String.format("%-30s", name));
        for (Map.Entry<Backend, Recovery> column : recoveries.entrySet()) {
            table.append(String.format(" %16s", text.apply(part.apply(column))));
        }
        table.append(System.lineSeparator());
    }

    private static String pages(Recovery recovery) {
        OptionalLong pages = recovery.first().pages();
        OptionalLong total = recovery.first().pagesTotal();
        return pages.isPresent() && total.isPresent()
                ? pages.getAsLong() + " of " + total.getAsLong()
                : NOT_AVAILABLE;
    }

    private static String seconds(OptionalLong millis) {
        return millis.isPresent()
                ? String.format(Locale.ROOT, "%.2f s", millis.getAsLong() / 1e3)
                : NOT_AVAILABLE;
    }

    private static String megabytes(OptionalLong bytes) {
        return bytes.isPresent()
                ? String.format(Locale.ROOT, "%.1f MB", bytes.getAsLong() / 1e6)
                : NOT_AVAILABLE;
    }

    /** The figures as one JSON object; what is unknown or was not measured is null. */
    String json() {
        StringBuilder json = new StringBuilder("{\"state_bytes\":");
        OptionalLong stateBytes =
                recoveries.values().stream().mapToLong(Recovery::stateBytes).findFirst();
        json.append(number(stateBytes));
        json.append(",\"results_equal\":").append(resultsEqual());
        for (Backend backend : Backend.values()) {
            json.append(",\"").append(backend.label()).append("\":");
            Recovery recovery = recoveries.get(backend);
            json.append(recovery == null ? "null" : json(recovery));
        }
        return json.append("}").append(System.lineSeparator()).toString();
    }

    private static String json(Recovery recovery) {
        Recovery.Loaded first = recovery.first();
        return "{\"time_to_running_ms\":"
                + recovery.runningMillis()
                + ",\"time_to_first_result_ms\":"
                + number(recovery.firstResultMillis())
                + ",\"time_to_resident_ms\":"
                + number(recovery.residentMillis())
                + ",\"pages_loaded_at_first_result\":"
                + number(first.pages())
                + ",\"pages_total\":"
                + number(first.pagesTotal())
                + ",\"bytes_read_at_first_result\":"
                + number(first.bytesRead())
                + ",\"bytes_read\":"
                + recovery.bytesRead()
                + "}";
    }

    private static String number(OptionalLong value) {
        return value.isPresent() ? Long.toString(value.getAsLong()) : "null";
    }
}
