package io.lazystate.error;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import org.apache.flink.util.InstantiationUtil;
import org.junit.jupiter.api.Test;

class LazyStateExceptionTest {

    private static final Where PAGE =
            Where.object("s3://b/shared/41")
                    .withState("orders")
                    .withKeyGroup(17)
                    .withRange(4096, 4096);

    @Test
    void messageNamesKindPlaceAndProblem() {
        LazyStateException e =
                new LazyStateException(
                        Kind.CORRUPT,
                        PAGE,
                        "page 3 failed its checksum; its bytes changed; restore from a backup copy",
                        null);

        assertThat(e)
                .hasMessage(
                        "CORRUPT at state 'orders', key group 17, object s3://b/shared/41"
                                + " [4096, 8192): page 3 failed its checksum; its bytes changed;"
                                + " restore from a backup copy")
                .hasNoCause();
        assertThat(e.kind()).isEqualTo(Kind.CORRUPT);
        assertThat(e.where()).isEqualTo(PAGE);
    }

    @Test
    void messageWithoutPlace() {
        IOException cause = new IOException("reset");
        LazyStateException e =
                new LazyStateException(Kind.UNAVAILABLE, Where.NOWHERE, "no answer", cause);

        assertThat(e).hasMessage("UNAVAILABLE: no answer").hasCause(cause);
    }

    @Test
    void survivesSerialization() throws Exception {
        LazyStateException copy =
                InstantiationUtil.clone(
                        new LazyStateException(Kind.INVALID, PAGE, "m", new IOException("c")));

        assertThat(copy.kind()).isEqualTo(Kind.INVALID);
        assertThat(copy.where()).isEqualTo(PAGE);
        assertThat(copy).hasRootCauseMessage("c");
    }

    @Test
    void placePrintsOnlyWhatIsKnown() {
        assertThat(Where.NOWHERE).hasToString("");
        assertThat(Where.state("orders")).hasToString("state 'orders'");
        assertThat(Where.NOWHERE.withKeyGroup(0)).hasToString("key group 0");
        assertThat(Where.object("f")).hasToString("object f");
        assertThat(Where.object("f").withRange(10, 5)).hasToString("object f [10, 15)");
        assertThat(Where.object("f").withRange(10, Where.UNKNOWN)).hasToString("object f [10, ?)");
        assertThat(Where.NOWHERE.withRange(0, 5)).hasToString("bytes [0, 5)");
        assertThat(Where.state("orders").withRange(0, 5))
                .hasToString("state 'orders', bytes [0, 5)");
    }

    @Test
    void placeNeverThrows() {
        assertThat(new Where(null, -7, null, -7, 3)).isEqualTo(Where.NOWHERE);
        assertThat(Where.NOWHERE.withRange(1, -7).length()).isEqualTo(Where.UNKNOWN);
    }
}
