package io.lazystate.examples.demo;

import java.io.PrintStream;
import java.util.Locale;

/** Tells what happens, one line a step, each with the seconds since the start. Threads: one. */
final class Progress {
    private static final long SILENCE_MILLIS = 2_000;

    private final PrintStream out;
    private final long startMillis = System.currentTimeMillis();
    private String subject = "";
    private long lastMillis;

    Progress(PrintStream out) {
        this.out = out;
    }

    /** Names what the next lines are about. */
    void subject(String name) {
        subject = name;
    }

    /** Prints a line. */
    void say(String format, Object... values) {
        lastMillis = System.currentTimeMillis();
        double seconds = (lastMillis - startMillis) / 1e3;
        String line = String.format(Locale.ROOT, format, values);
        out.printf(Locale.ROOT, "[%6.1f s] %-9s %s%n", seconds, subject, line);
        out.flush();
    }

    /** Prints a share done, unless a line came just before. */
    void share(String what, long done, long total) {
        if (System.currentTimeMillis() - lastMillis >= SILENCE_MILLIS) {
            say("%s %d %%", what, total == 0 ? 100 : done * 100 / total);
        }
    }
}
