package io.lazystate.examples.demo;

import java.util.Locale;
import java.util.Optional;

/** An option of the demo's command line, with its default and its help. */
enum Option {
    INPUT("FILE", "", "flights, .csv, .csv.gz or .parquet (default: the sample in the repository)"),
    FLIGHTS("N", "all", "use the first N flights of the input"),
    STATE_MB("N", "200", "size of the state at the checkpoint, about"),
    PARALLELISM("N", "2", "parallelism of the keyed operators"),
    BACKENDS("LIST", "rocksdb,lazy", "state backends to measure, separated by commas"),
    LOADING_MODE("MODE", "HYBRID", "how ours loads: LAZY, EAGER or HYBRID"),
    LATENCY_MS("N", "30", "emulated store: time to the first byte of each read request"),
    MB_PER_S("N", "90", "emulated store: speed of one connection; 0: no bound"),
    RATE("N", "2000", "flights a second that arrive after the failure; 0: no bound"),
    RESIDENT_TIMEOUT_S("N", "60", "wait so long for full residency, then go on without"),
    REFERENCE(
            "BACKEND",
            "auto",
            "backend of the unbroken run: hashmap, rocksdb or auto (hashmap up to 400 MB)"),
    WARM_UP("true|false", "true", "let each backend recover a tiny job first, unmeasured"),
    WORK_DIR(
            "DIR",
            "",
            "for a folder with state and checkpoints, deleted in the end (default: a temporary one)"),
    JSON("FILE", "", "write the figures there too");

    private final String value;
    private final String byDefault;
    private final String help;

    Option(String value, String byDefault, String help) {
        this.value = value;
        this.byDefault = byDefault;
        this.help = help;
    }

    /** The name on the command line, e.g. {@code --state-mb}. */
    String flag() {
        return "--" + name().toLowerCase(Locale.ROOT).replace('_', '-');
    }

    String byDefault() {
        return byDefault;
    }

    static Optional<Option> of(String flag) {
        for (Option option : values()) {
            if (option.flag().equals(flag)) {
                return Optional.of(option);
            }
        }
        return Optional.empty();
    }

    /** The text of {@code --help}. */
    static String usage() {
        StringBuilder text = new StringBuilder();
        text.append(
                """
                Usage: demo.sh [options]

                Runs the flights job on a MiniCluster, takes a checkpoint, loses the TaskManager and
                restores on a new, empty one - for each state backend - and compares every result with
                an unbroken run.

                """);
        for (Option option : values()) {
            text.append(
                    String.format("  %-28s %s", option.flag() + " " + option.value, option.help));
            if (!option.byDefault.isEmpty()) {
                text.append(" (default ").append(option.byDefault).append(')');
            }
            text.append('\n');
        }
        text.append(String.format("  %-28s %s%n", "-h, --help", "print this"));
        text.append(
                "\nExit status: 0 results equal, 1 not equal, 2 bad option or input, 3 failed.\n");
        return text.toString();
    }
}
