package io.lazystate.error;

import java.util.Objects;
import java.util.concurrent.TimeUnit;
import java.util.function.LongSupplier;
import org.apache.flink.annotation.Internal;
import org.jspecify.annotations.Nullable;

/**
 * How often the log tells of a trouble that lasts: at once, and then once a minute.
 *
 * <p>Remembers what it was about last, and no more. Threads: any.
 */
@Internal
public final class Reminder {
    private static final long BETWEEN_NANOS = TimeUnit.MINUTES.toNanos(1);

    private final LongSupplier nanoTime;
    private @Nullable Object last;
    private long toldAt;
    private boolean told;

    /**
     * @param nanoTime usually {@code System::nanoTime}
     */
    public Reminder(LongSupplier nanoTime) {
        this.nanoTime = nanoTime;
    }

    /**
     * Whether it is time to tell; if so, whoever asks does.
     *
     * @param about what the trouble is about; another one is told of at once
     */
    public synchronized boolean isDue(@Nullable Object about) {
        long now = nanoTime.getAsLong();
        if (told && Objects.equals(about, last) && now - toldAt < BETWEEN_NANOS) {
            return false;
        }
        told = true;
        last = about;
        toldAt = now;
        return true;
    }
}
