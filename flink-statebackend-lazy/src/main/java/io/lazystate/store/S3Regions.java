package io.lazystate.store;

import java.net.URI;
import software.amazon.awssdk.regions.Region;
import software.amazon.awssdk.regions.providers.DefaultAwsRegionProviderChain;

/** Which region requests are signed for. */
final class S3Regions {

    private static final String R2_HOSTS = ".r2.cloudflarestorage.com";

    private S3Regions() {}

    /**
     * The region that is set, else the one that the place implies, else the SDK's default.
     *
     * @throws IllegalArgumentException if what is set is none to sign for
     * @throws RuntimeException if there is none for AWS
     */
    static Region of(S3Account.Place place) {
        String set = place.region();
        if (set != null && !set.isEmpty()) {
            return named(set);
        }
        URI endpoint = place.endpoint();
        if (endpoint != null && endpoint.getHost().endsWith(R2_HOSTS)) {
            return Region.of("auto");
        }
        try {
            return named(DefaultAwsRegionProviderChain.builder().build().getRegion().id());
        } catch (RuntimeException e) {
            if (endpoint == null) {
                throw e;
            }
            return Region.US_EAST_1; // what stores that are not AWS take for none
        }
    }

    /** The SDK knows names that stand for a region and a kind of endpoint. */
    private static Region named(String name) {
        if (name.equals(Region.AWS_GLOBAL.id())) {
            return Region.US_EAST_1;
        }
        if (name.startsWith("fips-") || name.endsWith("-fips")) {
            throw new IllegalArgumentException(
                    "s3.region "
                            + name
                            + " names a kind of endpoint: set the region alone, and"
                            + " AWS_USE_FIPS_ENDPOINT=true in the environment");
        }
        return Region.of(name);
    }
}
