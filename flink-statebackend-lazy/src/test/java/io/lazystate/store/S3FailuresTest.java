package io.lazystate.store;

import static org.assertj.core.api.Assertions.assertThat;

import io.lazystate.error.Kind;
import io.lazystate.error.LazyStateException;
import io.lazystate.error.Where;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.SocketTimeoutException;
import org.junit.jupiter.api.Test;

class S3FailuresTest {
    /** The socket has the same time as the attempt, and either may be the first to be out of it. */
    @Test
    void aSocketThatTimesOutIsAnAttemptThatTookTooLong() {
        for (S3Call.End end : new S3Call.End[] {null, S3Call.End.TIMED_OUT}) {
            LazyStateException e =
                    S3Failures.toException(
                            new UncheckedIOException(new SocketTimeoutException("Read timed out")),
                            end,
                            Where.object("o"));
            assertThat(e.kind()).isEqualTo(Kind.UNAVAILABLE);
            assertThat(e).hasMessageContaining("did not answer in time");
        }
    }

    @Test
    void whatElseGoesWrongIsToldAsItIs() {
        LazyStateException e =
                S3Failures.toException(
                        new UncheckedIOException(new IOException("connection reset")),
                        null,
                        Where.object("o"));
        assertThat(e.kind()).isEqualTo(Kind.UNAVAILABLE);
        assertThat(e).hasMessageContaining("connection reset");
    }
}
