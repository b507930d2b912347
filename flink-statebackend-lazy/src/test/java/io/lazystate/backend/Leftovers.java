package io.lazystate.backend;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;

/** What backends must not leave when they are disposed (I10): threads, local files, open files. */
final class Leftovers {
    /** The descriptors of this process, where the operating system shows them. */
    private static final Path OPEN_FILES = Path.of("/proc/self/fd");

    /** Only one that is left takes so long, and fails the test. */
    private static final long ENDING_SECONDS = 60;

    private Leftovers() {}

    /**
     * Fails if something is left while no backend of this process is alive.
     *
     * @param local what the backends' directories were in
     * @param directories in which no file may be open
     */
    static void assertNone(Path local, Path... directories) throws Exception {
        assertThat(threads()).as("threads").isEmpty();
        try (Stream<Path> files = Files.walk(local)) {
            assertThat(files.filter(file -> !file.equals(local))).as("local files").isEmpty();
        }
        assertThat(openFiles(local)).as("open local files").isEmpty();
        for (Path directory : directories) {
            assertThat(openFiles(directory)).as("open files").isEmpty();
        }
    }

    /** The backends' threads that are alive; those that are just ending do not count. */
    static List<Thread> threads() throws InterruptedException {
        List<Thread> alive = new ArrayList<>();
        for (Thread thread : Thread.getAllStackTraces().keySet()) {
            if (thread.getName().startsWith("lazy-state")) {
                // The pool is over when its threads have done all but to end.
                thread.join(TimeUnit.SECONDS.toMillis(ENDING_SECONDS));
                if (thread.isAlive()) {
                    alive.add(thread);
                }
            }
        }
        return alive;
    }

    private static List<String> openFiles(Path directory) throws IOException {
        List<String> open = new ArrayList<>();
        if (!Files.isDirectory(OPEN_FILES)) {
            return open;
        }
        try (Stream<Path> descriptors = Files.list(OPEN_FILES)) {
            for (Path descriptor : descriptors.toList()) {
                try {
                    String file = Files.readSymbolicLink(descriptor).toString();
                    if (file.startsWith(directory + "/")) {
                        open.add(file);
                    }
                } catch (IOException e) {
                    continue; // closed meanwhile: that of the listing
                }
            }
        }
        return open;
    }
}
