package io.lazystate.store;

import java.io.Closeable;
import java.net.URI;
import java.net.URL;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import software.amazon.awssdk.http.SdkHttpClient;
import software.amazon.awssdk.http.SdkHttpMethod;
import software.amazon.awssdk.http.SdkHttpRequest;
import software.amazon.awssdk.http.auth.aws.signer.AwsV4HttpSigner;
import software.amazon.awssdk.regions.Region;
import software.amazon.awssdk.services.s3.S3Configuration;
import software.amazon.awssdk.services.s3.S3Utilities;
import software.amazon.awssdk.utils.http.SdkHttpUtils;

/**
 * GETs of one account, signed.
 *
 * <p>The SDK says where a bucket is, by all settings that it knows, and signs; its client is not
 * used: what that does around each request delays a restore, whose JVM has just started.
 *
 * <p>Threads: any.
 */
final class S3Requests implements Closeable {

    private static final AwsV4HttpSigner SIGNER = AwsV4HttpSigner.create();

    private static final String USER_AGENT = "flink-statebackend-lazy";

    /** Stands for any key in the address of a bucket. */
    private static final String SOME_KEY = "key";

    private final Region region;
    private final S3Credentials credentials;
    private final S3Utilities places;
    private final Map<String, URI> buckets = new ConcurrentHashMap<>();

    /**
     * May ask the machine's metadata service for region and credentials.
     *
     * @param http sends what finding credentials takes; stays the caller's
     * @throws RuntimeException if credentials or region cannot be found
     */
    S3Requests(S3Account account, SdkHttpClient http) {
        this.region = S3Regions.of(account.place());
        this.places = places(account.place(), region);
        this.credentials = new S3Credentials(account, region, http);
        try {
            credentials.provider().resolveCredentials();
        } catch (RuntimeException | LinkageError e) {
            credentials.close();
            throw e;
        }
    }

    /**
     * The GET of a range, to be sent soon: its signature holds for some minutes.
     *
     * @throws RuntimeException if credentials cannot be found any more
     */
    SdkHttpRequest get(S3Range range) {
        S3Location location = range.location();
        URI bucket = buckets.computeIfAbsent(location.bucket(), this::address);
        SdkHttpRequest.Builder request =
                SdkHttpRequest.builder()
                        .method(SdkHttpMethod.GET)
                        .protocol(bucket.getScheme())
                        .host(bucket.getHost())
                        .encodedPath(
                                bucket.getRawPath()
                                        + SdkHttpUtils.urlEncodeIgnoreSlashes(location.key()))
                        .putHeader("User-Agent", USER_AGENT)
                        .putHeader("Range", range.header());
        if (bucket.getPort() >= 0) {
            request.port(bucket.getPort());
        }
        return SIGNER.sign(
                        sign ->
                                sign.identity(credentials.provider().resolveCredentials())
                                        .request(request.build())
                                        .putProperty(AwsV4HttpSigner.SERVICE_SIGNING_NAME, "s3")
                                        .putProperty(AwsV4HttpSigner.REGION_NAME, region.id())
                                        .putProperty(AwsV4HttpSigner.PAYLOAD_SIGNING_ENABLED, false)
                                        .putProperty(AwsV4HttpSigner.DOUBLE_URL_ENCODE, false)
                                        .putProperty(AwsV4HttpSigner.NORMALIZE_PATH, false))
                .request();
    }

    /** The address of a bucket, to which keys are added. */
    private URI address(String bucket) {
        URL url = places.getUrl(get -> get.bucket(bucket).key(SOME_KEY));
        String text = url.toString();
        return URI.create(text.substring(0, text.length() - SOME_KEY.length()));
    }

    private static S3Utilities places(S3Account.Place place, Region region) {
        S3Utilities.Builder builder =
                S3Utilities.builder()
                        .region(region)
                        .s3Configuration(
                                S3Configuration.builder()
                                        .pathStyleAccessEnabled(place.pathStyle())
                                        .build());
        if (place.endpoint() != null) {
            builder.endpoint(place.endpoint());
        }
        return builder.build();
    }

    @Override
    public void close() {
        credentials.close();
    }
}
