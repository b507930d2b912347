package io.lazystate.store;

import java.net.URI;
import java.time.Duration;
import org.apache.flink.configuration.ConfigOption;
import org.apache.flink.configuration.ConfigOptions;
import org.apache.flink.configuration.ReadableConfig;
import org.jspecify.annotations.Nullable;

/**
 * How S3 is reached, by the options of Flink's own S3 file systems.
 *
 * <p>Holds secrets: {@link #toString} leaves them out, and nothing else prints them.
 *
 * @param providers class names of credentials providers, separated by commas
 */
record S3Account(
        Place place, @Nullable Keys keys, @Nullable String providers, @Nullable Role role) {

    /** Where the store is. */
    record Place(
            @Nullable URI endpoint,
            @Nullable String region,
            boolean pathStyle,
            Duration connectTimeout,
            Duration maxIdleTime) {}

    /** Fixed credentials. */
    record Keys(String accessKey, String secretKey, @Nullable String sessionToken) {
        @Override
        public String toString() {
            return "fixed keys";
        }
    }

    /** A role that is assumed with the other credentials. */
    record Role(String arn, @Nullable String externalId, String session, int seconds) {
        @Override
        public String toString() {
            return arn;
        }
    }

    private static final ConfigOption<String> ENDPOINT = text("endpoint", "endpoint");
    private static final ConfigOption<String> REGION = text("region", "endpoint.region");
    private static final ConfigOption<String> ACCESS_KEY = text("access-key", "access.key");
    private static final ConfigOption<String> SECRET_KEY = text("secret-key", "secret.key");
    private static final ConfigOption<String> SESSION_TOKEN =
            text("session-token", "session.token");
    private static final ConfigOption<String> PROVIDERS =
            ConfigOptions.key("fs.s3.aws.credentials.provider")
                    .stringType()
                    .noDefaultValue()
                    .withFallbackKeys(
                            "s3.aws.credentials.provider",
                            "s3a.aws.credentials.provider",
                            "fs.s3a.aws.credentials.provider");
    private static final ConfigOption<Boolean> PATH_STYLE =
            ConfigOptions.key("s3.path-style-access")
                    .booleanType()
                    .defaultValue(false)
                    .withFallbackKeys(names("path-style-access", "path.style.access"));
    private static final ConfigOption<String> ROLE_ARN =
            ConfigOptions.key("s3.assume-role.arn").stringType().noDefaultValue();
    private static final ConfigOption<String> ROLE_EXTERNAL_ID =
            ConfigOptions.key("s3.assume-role.external-id").stringType().noDefaultValue();
    private static final ConfigOption<String> ROLE_SESSION =
            ConfigOptions.key("s3.assume-role.session-name")
                    .stringType()
                    .defaultValue("flink-s3-session");
    private static final ConfigOption<Integer> ROLE_SECONDS =
            ConfigOptions.key("s3.assume-role.session-duration").intType().defaultValue(3600);
    private static final ConfigOption<Duration> CONNECT_TIMEOUT =
            ConfigOptions.key("s3.connection.timeout")
                    .durationType()
                    .defaultValue(Duration.ofSeconds(10));
    private static final ConfigOption<Duration> MAX_IDLE_TIME =
            ConfigOptions.key("s3.connection.max-idle-time")
                    .durationType()
                    .defaultValue(Duration.ofSeconds(60));

    /**
     * Reads the options of Flink's native S3 file system, and those spellings that its Hadoop one
     * takes for the same.
     *
     * @throws IllegalArgumentException about a value that cannot be read; the value is not told
     */
    static S3Account from(ReadableConfig config) {
        String access = config.get(ACCESS_KEY);
        String secret = config.get(SECRET_KEY);
        Keys keys =
                access == null || secret == null
                        ? null
                        : new Keys(access, secret, config.get(SESSION_TOKEN));
        String arn = config.get(ROLE_ARN);
        Role role =
                arn == null || arn.isEmpty()
                        ? null
                        : new Role(
                                arn,
                                config.get(ROLE_EXTERNAL_ID),
                                config.get(ROLE_SESSION),
                                config.get(ROLE_SECONDS));
        Place place =
                new Place(
                        endpoint(config.get(ENDPOINT)),
                        config.get(REGION),
                        config.get(PATH_STYLE),
                        config.get(CONNECT_TIMEOUT),
                        config.get(MAX_IDLE_TIME));
        return new S3Account(place, keys, config.get(PROVIDERS), role);
    }

    private static @Nullable URI endpoint(@Nullable String text) {
        if (text == null || text.isEmpty()) {
            return null;
        }
        // Hadoop's file system takes a mere host name too.
        URI uri = URI.create(text.contains("://") ? text : "https://" + text);
        if (uri.getUserInfo() != null || uri.getHost() == null) {
            throw new IllegalArgumentException(
                    ENDPOINT.key() + " must be a URI with a host, and without a password");
        }
        return uri;
    }

    private static ConfigOption<String> text(String name, String hadoopName) {
        return ConfigOptions.key("s3." + name)
                .stringType()
                .noDefaultValue()
                .withFallbackKeys(names(name, hadoopName));
    }

    private static String[] names(String name, String hadoopName) {
        return new String[] {
            "s3." + hadoopName,
            "s3a." + name,
            "s3a." + hadoopName,
            "fs.s3a." + name,
            "fs.s3a." + hadoopName
        };
    }

    /** Endpoint, region and the kind of credentials; no secret. */
    @Override
    public String toString() {
        return (place.endpoint() == null ? "AWS" : place.endpoint())
                + ", region "
                + (place.region() == null ? "by default" : place.region())
                + (place.pathStyle() ? ", path style" : "")
                + ", credentials: "
                + (providers != null ? providers : keys != null ? keys : "by default")
                + (role == null ? "" : ", role " + role);
    }
}
