package io.lazystate;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.apache.logging.log4j.Level;
import org.apache.logging.log4j.core.Appender;
import org.apache.logging.log4j.core.LogEvent;
import org.apache.logging.log4j.core.LoggerContext;
import org.apache.logging.log4j.core.appender.AbstractAppender;
import org.apache.logging.log4j.core.config.Configurator;
import org.apache.logging.log4j.core.config.LoggerConfig;
import org.apache.logging.log4j.core.config.Property;

/** What is logged while something is done, by whomever. */
public final class CapturedLog {
    private CapturedLog() {}

    /** What is done; it may fail. */
    public interface Action<E extends Exception> {
        void run() throws E;
    }

    /** Messages of the given level or a worse one, each with its exceptions. */
    public static <E extends Exception> List<String> of(Level level, Action<E> action) throws E {
        List<String> lines = new ArrayList<>();
        AbstractAppender appender =
                new AbstractAppender("captured", null, null, true, Property.EMPTY_ARRAY) {
                    @Override
                    public void append(LogEvent event) {
                        synchronized (lines) {
                            lines.add(text(event));
                        }
                    }
                };
        appender.start();
        LoggerConfig root = LoggerContext.getContext(false).getConfiguration().getRootLogger();
        Level before = root.getLevel();
        Map<String, Appender> usual = Map.copyOf(root.getAppenders());
        usual.forEach((name, other) -> limit(root, other, before));
        root.addAppender(appender, null, null);
        Configurator.setRootLevel(level);
        try {
            action.run();
        } finally {
            Configurator.setRootLevel(before);
            root.removeAppender(appender.getName());
            usual.forEach((name, other) -> limit(root, other, null));
        }
        synchronized (lines) {
            return List.copyOf(lines);
        }
    }

    /** The console goes on showing what it did before. */
    private static void limit(LoggerConfig root, Appender appender, Level level) {
        root.removeAppender(appender.getName());
        root.addAppender(appender, level, null);
    }

    private static String text(LogEvent event) {
        StringBuilder text = new StringBuilder(event.getMessage().getFormattedMessage());
        for (Throwable t = event.getThrown(); t != null; t = t.getCause()) {
            text.append('\n').append(t);
            for (Throwable suppressed : t.getSuppressed()) {
                text.append('\n').append(suppressed);
            }
        }
        return text.toString();
    }
}
