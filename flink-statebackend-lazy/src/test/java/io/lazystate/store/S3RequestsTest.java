package io.lazystate.store;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.lazystate.error.Where;
import java.util.function.Consumer;
import org.apache.flink.configuration.Configuration;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import software.amazon.awssdk.http.SdkHttpClient;
import software.amazon.awssdk.http.SdkHttpRequest;
import software.amazon.awssdk.http.apache5.Apache5HttpClient;

/** What is sent to which host; that stores take the signature, the other tests show. */
class S3RequestsTest {

    @ParameterizedTest
    @CsvSource({
        ", eu-west-1, false, https://state.s3.eu-west-1.amazonaws.com/chk/o",
        ", us-east-1, true, https://s3.amazonaws.com/state/chk/o",
        ", cn-north-1, false, https://state.s3.cn-north-1.amazonaws.com.cn/chk/o",
        "https://a.r2.cloudflarestorage.com, auto, true,"
                + " https://a.r2.cloudflarestorage.com/state/chk/o",
        "http://127.0.0.1:9000/s3, us-east-1, true, http://127.0.0.1:9000/s3/state/chk/o",
        "http://store:9000, us-east-1, false, http://state.store:9000/chk/o"
    })
    void bucketIsFoundByTheSettings(String endpoint, String region, String pathStyle, String uri) {
        SdkHttpRequest get =
                get(
                        region,
                        "chk/o",
                        settings -> {
                            settings.setString("s3.path-style-access", pathStyle);
                            if (endpoint != null) {
                                settings.setString("s3.endpoint", endpoint);
                            }
                        });

        assertThat(get.getUri()).hasToString(uri);
        assertThat(get.firstMatchingHeader("Range")).contains("bytes=7-16");
        assertThat(get.firstMatchingHeader("User-Agent")).contains("flink-statebackend-lazy");
        assertThat(get.firstMatchingHeader("Authorization").orElseThrow())
                .contains("/" + region + "/s3/aws4_request");
    }

    @Test
    void keyIsEncoded() {
        SdkHttpRequest get = get("eu-west-1", "a b+c=ü/%7E?#&~", settings -> {});

        assertThat(get.encodedPath()).isEqualTo("/a%20b%2Bc%3D%C3%BC/%257E%3F%23%26~");
    }

    @Test
    void nameThatStandsForARegionIsNotSigned() {
        SdkHttpRequest get = get("aws-global", "o", settings -> {});

        assertThat(get.firstMatchingHeader("Authorization").orElseThrow())
                .contains("/us-east-1/s3/");
        assertThatThrownBy(() -> get("fips-us-east-1", "o", settings -> {}))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("AWS_USE_FIPS_ENDPOINT");
    }

    @Test
    void temporaryCredentialsSendTheirToken() {
        SdkHttpRequest get =
                get("eu-west-1", "o", settings -> settings.setString("s3.session-token", "token"));

        assertThat(get.firstMatchingHeader("X-Amz-Security-Token")).contains("token");
    }

    @Test
    void whoeverWantsToBeNobodyDoesNotSign() {
        SdkHttpRequest get =
                get(
                        "eu-west-1",
                        "o",
                        settings ->
                                settings.setString(
                                        "fs.s3.aws.credentials.provider",
                                        "AnonymousCredentialsProvider"));

        assertThat(get.firstMatchingHeader("Authorization")).isEmpty();
    }

    /** The GET of bytes 7 to 16 of a key in the bucket "state". */
    private static SdkHttpRequest get(String region, String key, Consumer<Configuration> more) {
        Configuration settings = new Configuration();
        settings.setString("s3.access-key", "key");
        settings.setString("s3.secret-key", "secret");
        settings.setString("s3.region", region);
        more.accept(settings);
        try (SdkHttpClient http = Apache5HttpClient.create();
                S3Requests requests = new S3Requests(S3Account.from(settings), http)) {
            return requests.get(new S3Range(new S3Location("state", key, 0), 7, 10, Where.NOWHERE));
        }
    }
}
