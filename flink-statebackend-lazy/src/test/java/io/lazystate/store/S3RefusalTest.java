package io.lazystate.store;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import software.amazon.awssdk.awscore.exception.AwsServiceException;
import software.amazon.awssdk.http.SdkHttpResponse;

class S3RefusalTest {

    private static final SdkHttpResponse HEAD =
            SdkHttpResponse.builder()
                    .statusCode(403)
                    .statusText("Forbidden")
                    .putHeader("x-amz-request-id", "17")
                    .build();

    @Test
    void codeAndMessageOfTheStoreAreTold() throws IOException {
        AwsServiceException e =
                refusal(
                        "<?xml version=\"1.0\"?>\n<Error>\n <Code>AccessDenied</Code>\n"
                                + " <Message>Not &lt;you&gt;</Message><RequestId>17</RequestId></Error>");

        assertThat(e.awsErrorDetails().errorCode()).isEqualTo("AccessDenied");
        assertThat(e).hasMessageContaining("AccessDenied: Not <you>").hasMessageContaining("17");
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "",
                "Forbidden",
                "<html><body>no<br></body>",
                "<!DOCTYPE e [<!ENTITY x SYSTEM \"file:///etc/passwd\">]><Error>&x;</Error>"
            })
    void otherBodiesLeaveTheStatus(String body) throws IOException {
        AwsServiceException e = refusal(body);

        assertThat(e.statusCode()).isEqualTo(403);
        assertThat(e).hasMessageContaining("Forbidden");
        assertThat(e.awsErrorDetails().errorCode()).isNull();
    }

    private static AwsServiceException refusal(String body) throws IOException {
        return S3Refusal.of(HEAD, new ByteArrayInputStream(body.getBytes(StandardCharsets.UTF_8)));
    }
}
