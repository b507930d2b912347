package io.lazystate.store;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import java.net.URI;
import java.time.Duration;
import java.util.Map;
import org.apache.flink.configuration.Configuration;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Which options of Flink's S3 file systems we go by. */
class S3AccountTest {

    @Test
    void goesByTheOptionsOfTheNativeFileSystem() {
        S3Account account =
                account(
                        Map.of(
                                "s3.endpoint", "https://id.r2.cloudflarestorage.com",
                                "s3.region", "auto",
                                "s3.path-style-access", "true",
                                "s3.access-key", "a",
                                "s3.secret-key", "s",
                                "s3.connection.timeout", "7 s",
                                "s3.connection.max-idle-time", "8 s",
                                "fs.s3.aws.credentials.provider", "P",
                                "s3.assume-role.arn", "arn:r",
                                "s3.assume-role.external-id", "e"));

        assertThat(account.place())
                .isEqualTo(
                        new S3Account.Place(
                                URI.create("https://id.r2.cloudflarestorage.com"),
                                "auto",
                                true,
                                Duration.ofSeconds(7),
                                Duration.ofSeconds(8)));
        assertThat(account.keys()).isEqualTo(new S3Account.Keys("a", "s", null));
        assertThat(account.providers()).isEqualTo("P");
        assertThat(account.role())
                .isEqualTo(new S3Account.Role("arn:r", "e", "flink-s3-session", 3600));
    }

    @ParameterizedTest
    @ValueSource(strings = {"s3.", "s3a.", "fs.s3a."})
    void goesByTheSpellingsOfTheHadoopFileSystem(String prefix) {
        S3Account account =
                account(
                        Map.of(
                                prefix + "endpoint", "minio:9000",
                                prefix + "endpoint.region", "eu-west-1",
                                prefix + "path.style.access", "true",
                                prefix + "access.key", "a",
                                prefix + "secret.key", "s",
                                prefix + "session.token", "t"));

        assertThat(account.place().endpoint()).isEqualTo(URI.create("https://minio:9000"));
        assertThat(account.place().region()).isEqualTo("eu-west-1");
        assertThat(account.place().pathStyle()).isTrue();
        assertThat(account.keys()).isEqualTo(new S3Account.Keys("a", "s", "t"));
    }

    @Test
    void isAwsWithoutKeysIfNothingIsSet() {
        S3Account account = account(Map.of("s3.access-key", "half of a pair"));

        assertThat(account.place().endpoint()).isNull();
        assertThat(account.keys()).isNull();
        assertThat(account).hasToString("AWS, region by default, credentials: by default");
    }

    @Test
    void tellsNoSecret() {
        S3Account account =
                account(
                        Map.of(
                                "s3.endpoint", "http://h",
                                "s3.access-key", "hidden-1",
                                "s3.secret-key", "hidden-2",
                                "s3.session-token", "hidden-3",
                                "s3.assume-role.arn", "arn:r",
                                "s3.assume-role.external-id", "hidden-4"));

        assertThat(account.toString()).contains("http://h", "fixed keys", "arn:r");
        assertThat(account + " " + account.keys() + " " + account.role()).doesNotContain("hidden");
    }

    @Test
    void endpointWithAPasswordIsRefusedWithoutTellingIt() {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> account(Map.of("s3.endpoint", "https://u:hidden@h")))
                .withMessageContaining("s3.endpoint")
                .withMessageNotContaining("hidden");
    }

    private static S3Account account(Map<String, String> options) {
        return S3Account.from(Configuration.fromMap(options));
    }
}
