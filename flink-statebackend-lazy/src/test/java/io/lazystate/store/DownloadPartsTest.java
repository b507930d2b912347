package io.lazystate.store;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

/** In how many parts files are fetched. */
class DownloadPartsTest {
    private final DownloadParts parts = new DownloadParts(4);

    @Test
    void fewFilesHaveTheMostParts() {
        for (int file = 1; file <= 4; file++) {
            assertThat(parts.begin()).isEqualTo(4);
        }
    }

    @Test
    void manyFilesHaveTogetherNoMorePartsThanFew() {
        for (int file = 1; file <= 7; file++) {
            parts.begin();
        }
        assertThat(parts.begin()).isEqualTo(2);
        for (int file = 9; file <= 15; file++) {
            parts.begin();
        }
        assertThat(parts.begin()).isEqualTo(1);
        for (int file = 17; file <= 100; file++) {
            assertThat(parts.begin()).as("at least one").isEqualTo(1);
        }
    }

    @Test
    void thoseThatEndedDoNotCount() {
        for (int file = 1; file <= 20; file++) {
            parts.begin();
            parts.end();
        }
        assertThat(parts.begin()).isEqualTo(4);
    }
}
