package io.lazystate.examples.demo;

import io.lazystate.examples.flights.input.FlightFile;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The demo's main: an unbroken run of the flights job for the expected results, then a broken one
 * for each state backend, then a table.
 */
public final class Demo {
    private static final Logger LOG = LoggerFactory.getLogger(Demo.class);
    private static final int EQUAL = 0;
    private static final int DIFFERENT = 1;
    private static final int BAD_USAGE = 2;
    private static final int FAILED = 3;
    private static final int LEAST_FLIGHTS = 100;
    private static final int WARM_UP_FLIGHTS = 2_000;
    private static final long WARM_UP_STATE_BYTES = 1_000_000;

    private final DemoOptions options;
    private final PrintStream out;
    private final Progress progress;

    private Demo(DemoOptions options, PrintStream out) {
        this.options = options;
        this.out = out;
        this.progress = new Progress(out);
    }

    /** See {@code --help}. */
    public static void main(String[] arguments) {
        System.exit(run(System.out, System.err, arguments));
    }

    /** Runs the demo and returns its exit status. */
    static int run(PrintStream out, PrintStream err, String... arguments) {
        if (!Collections.disjoint(Arrays.asList(arguments), List.of("--help", "-h"))) {
            out.print(Option.usage());
            return EQUAL;
        }
        try {
            return new Demo(DemoOptions.parse(arguments), out).run();
        } catch (UsageException e) {
            err.println("demo: " + e.getMessage());
            return BAD_USAGE;
        } catch (DemoException | IOException e) {
            LOG.error("The demo failed", e);
            err.println("demo: failed: " + e.getMessage() + cause(e));
            return FAILED;
        }
    }

    private static String cause(Throwable failure) {
        Throwable root = failure;
        while (root.getCause() != null) {
            root = root.getCause();
        }
        return root == failure ? "" : "; cause: " + root;
    }

    private int run() throws DemoException, IOException {
        for (Backend backend : options.backends()) {
            backend.check();
        }
        progress.subject("input");
        Plan plan = plan(options.file(), options.stateBytes());
        describe(plan);
        Path folder = workFolder();
        Thread cleaner = new Thread(() -> new ClusterFolders(folder).deleteQuietly(), "cleaner");
        Runtime.getRuntime().addShutdownHook(cleaner); // Ctrl-C would leave gigabytes behind.
        try {
            Report report = new Report(measureAll(plan, folder));
            out.println();
            out.print(report.table());
            if (options.json().isPresent()) {
                write(options.json().get(), report.json());
            }
            return report.resultsEqual() ? EQUAL : DIFFERENT;
        } finally {
            new ClusterFolders(folder).delete();
        }
    }

    private Plan plan(FlightFile file, long stateBytes) throws IOException {
        try {
            int flights = file.load().size();
            if (flights < LEAST_FLIGHTS) {
                throw new UsageException(
                        "The input has only "
                                + flights
                                + " flights; the demo needs at least "
                                + LEAST_FLIGHTS);
            }
            return Plan.of(file, flights, stateBytes);
        } catch (IllegalArgumentException e) {
            throw new UsageException(String.valueOf(e.getMessage()));
        }
    }

    private void describe(Plan plan) {
        progress.say(
                "%,d flights; %,d make the state, %d copies of each with %d bytes: about %,d MB",
                plan.flights(),
                plan.built(),
                plan.settings().copies(),
                plan.settings().payloadBytes(),
                options.stateBytes() / 1_000_000);
        progress.say(
                "store: %d ms to the first byte, %d MB/s a connection; then %s flights/s",
                options.store().firstByteMillis(),
                options.store().bytesPerSecond() / 1_000_000,
                options.rate() == 0 ? "unbounded" : Long.toString(options.rate()));
    }

    private static void write(Path file, String figures) throws DemoException {
        try {
            Files.writeString(file, figures);
        } catch (IOException e) {
            throw new DemoException(
                    "--json " + file + " could not be written; the figures are: " + figures, e);
        }
    }

    private Path workFolder() throws IOException {
        if (options.workDir().isPresent()) {
            Path parent = options.workDir().get();
            try {
                Files.createDirectories(parent);
                return Files.createTempDirectory(parent.toAbsolutePath(), "demo-");
            } catch (IOException e) {
                throw new UsageException(
                        "--work-dir "
                                + parent
                                + " cannot be used ("
                                + e
                                + "); name a folder that may be written to");
            }
        }
        return Files.createTempDirectory("lazy-state-demo-");
    }

    private Map<Backend, Recovery> measureAll(Plan plan, Path folder)
            throws DemoException, IOException {
        if (options.warmUp()) {
            warmUp(folder.resolve("warm-up"));
        }
        progress.subject("unbroken");
        progress.say("running on %s without a failure", options.referenceBackend());
        ResultBook expected =
                UnbrokenRun.results(options, plan, folder.resolve("unbroken"), progress);
        Map<Backend, Recovery> recoveries = new LinkedHashMap<>();
        for (Backend backend : options.backends()) {
            progress.subject(backend.label());
            progress.say("starting");
            Path own = folder.resolve(backend.label());
            Recovery recovery =
                    new BrokenRun(options, plan, backend, own, progress).measure(expected);
            recoveries.put(backend, recovery);
            reportDifferences(recovery.differences());
        }
        return recoveries;
    }

    private void reportDifferences(List<String> differences) {
        for (String difference : differences) {
            progress.say("NOT EQUAL: %s", difference);
        }
    }

    /** Loads classes and native code, so that the first backend does not pay for all. */
    private void warmUp(Path folder) throws DemoException, IOException {
        progress.subject("warm-up");
        progress.say("letting each backend recover a tiny job, unmeasured");
        FlightFile few = new FlightFile(options.file().path(), WARM_UP_FLIGHTS);
        Plan tiny = plan(few, WARM_UP_STATE_BYTES);
        Progress silent = new Progress(new PrintStream(PrintStream.nullOutputStream()));
        ResultBook expected =
                UnbrokenRun.results(options, tiny, folder.resolve("unbroken"), silent);
        for (Backend backend : options.backends()) {
            Path own = folder.resolve(backend.label());
            new BrokenRun(options, tiny, backend, own, silent).measure(expected);
        }
    }
}
