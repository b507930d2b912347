package io.lazystate.examples.demo;

import io.lazystate.examples.flights.input.FlightFile;
import io.lazystate.examples.store.StoreProfile;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;

/** The parsed command line of the demo. */
final class DemoOptions {
    private static final List<String> LOADING_MODES = List.of("LAZY", "EAGER", "HYBRID");
    private static final List<String> REFERENCES = List.of("auto", "hashmap", "rocksdb");
    private static final int HASHMAP_LIMIT_MB = 400;
    private static final long MB = 1_000_000;

    /** Flink's default number of key groups; one machine has use for far fewer subtasks. */
    private static final int MOST_SUBTASKS = 128;

    private final Map<Option, String> given = new EnumMap<>(Option.class);

    private DemoOptions() {}

    /**
     * Parses {@code --name value} and {@code --name=value} and checks every value.
     *
     * @throws UsageException if an option is unknown or its value is not understood
     */
    static DemoOptions parse(String... arguments) {
        DemoOptions options = new DemoOptions();
        for (int i = 0; i < arguments.length; i++) {
            String flag = arguments[i];
            int equals = flag.indexOf('=');
            String name = equals < 0 ? flag : flag.substring(0, equals);
            Option option =
                    Option.of(name)
                            .orElseThrow(
                                    () ->
                                            new UsageException(
                                                    "'" + name + "' is no option; see --help"));
            String value = "";
            if (equals >= 0) {
                value = flag.substring(equals + 1);
            } else if (++i < arguments.length) {
                value = arguments[i];
            }
            if (value.isEmpty()) {
                throw new UsageException(name + " lacks its value; see --help");
            }
            options.given.put(option, value);
        }
        options.check();
        return options;
    }

    private void check() {
        backends();
        loadingMode();
        parallelism();
        stateBytes();
        store();
        rate();
        residentTimeout();
        warmUp();
        referenceBackend();
        Path input = Path.of(text(Option.INPUT));
        if (given.containsKey(Option.INPUT) && !Files.isRegularFile(input)) {
            throw new UsageException(
                    "--input " + input + " is not a file that can be read; check the path");
        }
        file();
        json().ifPresent(DemoOptions::checkThatItCanBeWritten);
    }

    /** Now, not after minutes of measuring whose figures would be lost. */
    private static void checkThatItCanBeWritten(Path json) {
        Path folder = json.toAbsolutePath().getParent();
        boolean possible =
                Files.exists(json)
                        ? !Files.isDirectory(json) && Files.isWritable(json)
                        : folder != null && Files.isDirectory(folder) && Files.isWritable(folder);
        if (!possible) {
            throw new UsageException(
                    "--json "
                            + json
                            + " cannot be written; name a file in a folder that exists and may be"
                            + " written to");
        }
    }

    FlightFile file() {
        boolean all = text(Option.FLIGHTS).equals(Option.FLIGHTS.byDefault());
        int limit = all ? Integer.MAX_VALUE : Math.toIntExact(number(Option.FLIGHTS, 100));
        return new FlightFile(text(Option.INPUT), limit);
    }

    List<Backend> backends() {
        List<Backend> backends = new ArrayList<>();
        for (String name : List.of(text(Option.BACKENDS).split(",", -1))) {
            Backend backend =
                    Backend.of(name)
                            .orElseThrow(
                                    () ->
                                            new UsageException(
                                                    "--backends knows rocksdb and lazy, not '"
                                                            + name
                                                            + "'"));
            if (!backends.contains(backend)) {
                backends.add(backend);
            }
        }
        return backends;
    }

    String loadingMode() {
        return oneOf(
                Option.LOADING_MODE,
                text(Option.LOADING_MODE).toUpperCase(Locale.ROOT),
                LOADING_MODES);
    }

    /** The type of the state backend for the unbroken run, for {@code state.backend.type}. */
    String referenceBackend() {
        String name = oneOf(Option.REFERENCE, text(Option.REFERENCE), REFERENCES);
        if (!name.equals("auto")) {
            return name;
        }
        return stateBytes() <= HASHMAP_LIMIT_MB * MB ? "hashmap" : "rocksdb";
    }

    int parallelism() {
        return Math.toIntExact(number(Option.PARALLELISM, 1, MOST_SUBTASKS));
    }

    long stateBytes() {
        return number(Option.STATE_MB, 1) * MB;
    }

    StoreProfile store() {
        return new StoreProfile(number(Option.LATENCY_MS, 0), number(Option.MB_PER_S, 0) * MB);
    }

    /** Flights a second after the failure; 0: no bound. */
    long rate() {
        return number(Option.RATE, 0);
    }

    Duration residentTimeout() {
        return Duration.ofSeconds(number(Option.RESIDENT_TIMEOUT_S, 0));
    }

    boolean warmUp() {
        String value = oneOf(Option.WARM_UP, text(Option.WARM_UP), List.of("true", "false"));
        return Boolean.parseBoolean(value);
    }

    Optional<Path> workDir() {
        return path(Option.WORK_DIR);
    }

    Optional<Path> json() {
        return path(Option.JSON);
    }

    private Optional<Path> path(Option option) {
        String value = text(option);
        return value.isEmpty() ? Optional.empty() : Optional.of(Path.of(value));
    }

    private String text(Option option) {
        return given.getOrDefault(option, option.byDefault());
    }

    private static String oneOf(Option option, String value, List<String> known) {
        if (!known.contains(value)) {
            throw new UsageException(
                    option.flag() + " must be one of " + known + ", not '" + value + "'");
        }
        return value;
    }

    private long number(Option option, long least) {
        return number(option, least, Integer.MAX_VALUE);
    }

    private long number(Option option, long least, long most) {
        String value = text(option);
        try {
            long number = Long.parseLong(value);
            if (number >= least && number <= most) {
                return number;
            }
        } catch (NumberFormatException e) {
            // Reported below, like a number out of range.
        }
        throw new UsageException(
                option.flag()
                        + " must be a whole number from "
                        + least
                        + " to "
                        + most
                        + ", not '"
                        + value
                        + "'");
    }
}
