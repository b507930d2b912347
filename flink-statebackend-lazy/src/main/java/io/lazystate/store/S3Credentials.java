package io.lazystate.store;

import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.util.ArrayList;
import java.util.List;
import org.apache.flink.util.IOUtils;
import software.amazon.awssdk.auth.credentials.AwsBasicCredentials;
import software.amazon.awssdk.auth.credentials.AwsCredentials;
import software.amazon.awssdk.auth.credentials.AwsCredentialsProvider;
import software.amazon.awssdk.auth.credentials.AwsCredentialsProviderChain;
import software.amazon.awssdk.auth.credentials.AwsSessionCredentials;
import software.amazon.awssdk.auth.credentials.DefaultCredentialsProvider;
import software.amazon.awssdk.auth.credentials.StaticCredentialsProvider;
import software.amazon.awssdk.http.SdkHttpClient;
import software.amazon.awssdk.regions.Region;
import software.amazon.awssdk.services.sts.StsClient;
import software.amazon.awssdk.services.sts.auth.StsAssumeRoleCredentialsProvider;

/**
 * Credentials as Flink's native S3 file system would find them: named providers, then fixed keys,
 * then the SDK's default chain; and a role on top, if one is named.
 *
 * <p>Flink's delegation tokens are not among them: they stay inside Flink's plugin.
 */
final class S3Credentials implements AutoCloseable {

    private static final Package PROVIDERS = AwsCredentialsProvider.class.getPackage();

    private final List<AutoCloseable> open = new ArrayList<>();
    private final AwsCredentialsProvider provider;

    /**
     * @param http sends the requests that assume a role; stays the caller's
     * @throws RuntimeException if a provider cannot be made
     */
    S3Credentials(S3Account account, Region region, SdkHttpClient http) {
        try {
            AwsCredentialsProvider chain = chain(account);
            if (chain instanceof AutoCloseable closeable) {
                open.add(closeable);
            }
            S3Account.Role role = account.role();
            provider = role == null ? chain : assumed(role, chain, region, http);
        } catch (RuntimeException | LinkageError e) {
            close();
            throw e;
        }
    }

    AwsCredentialsProvider provider() {
        return provider;
    }

    @Override
    public void close() {
        for (int i = open.size() - 1; i >= 0; i--) {
            IOUtils.closeQuietly(open.get(i));
        }
    }

    private static AwsCredentialsProvider chain(S3Account account) {
        List<AwsCredentialsProvider> chain = new ArrayList<>();
        String names = account.providers();
        if (names != null) {
            for (String name : names.split(",", -1)) {
                if (!name.isBlank()) {
                    chain.add(named(name.trim()));
                }
            }
        }
        S3Account.Keys keys = account.keys();
        if (keys != null) {
            chain.add(StaticCredentialsProvider.create(fixed(keys)));
        }
        chain.add(DefaultCredentialsProvider.builder().build());
        return AwsCredentialsProviderChain.of(chain.toArray(AwsCredentialsProvider[]::new));
    }

    private static AwsCredentials fixed(S3Account.Keys keys) {
        String token = keys.sessionToken();
        return token == null
                ? AwsBasicCredentials.create(keys.accessKey(), keys.secretKey())
                : AwsSessionCredentials.create(keys.accessKey(), keys.secretKey(), token);
    }

    /** A provider of the SDK, whatever package the name was written for, or a class beside us. */
    private static AwsCredentialsProvider named(String name) {
        try {
            Class<?> type =
                    Class.forName(inOurSdk(name), true, S3Credentials.class.getClassLoader());
            if (!AwsCredentialsProvider.class.isAssignableFrom(type)) {
                throw new IllegalArgumentException(
                        name + " is no AwsCredentialsProvider of our copy of the AWS SDK");
            }
            for (Method method : type.getMethods()) {
                if (method.getName().equals("create")
                        && method.getParameterCount() == 0
                        && Modifier.isStatic(method.getModifiers())) {
                    return (AwsCredentialsProvider) method.invoke(null);
                }
            }
            return (AwsCredentialsProvider) type.getDeclaredConstructor().newInstance();
        } catch (InvocationTargetException e) {
            throw new IllegalArgumentException(name + " failed: " + e.getCause(), e);
        } catch (ReflectiveOperationException e) {
            throw new IllegalArgumentException("there is no class " + name + " for us", e);
        }
    }

    /**
     * The SDK is relocated in our plugin jar and in Flink's, so that a class of it has up to three
     * names. Relocation changes constants of such a form too, hence the odd comparison.
     */
    private static String inOurSdk(String name) {
        String ours = PROVIDERS.getName();
        if (!name.contains(".")) {
            return ours + "." + name;
        }
        String sdk = String.join(".", "software", "amazon", "awssdk") + ".";
        int place = name.indexOf(sdk);
        return place < 0 ? name : ours.substring(0, ours.indexOf(sdk)) + name.substring(place);
    }

    private AwsCredentialsProvider assumed(
            S3Account.Role role, AwsCredentialsProvider chain, Region region, SdkHttpClient http) {
        StsClient sts =
                StsClient.builder()
                        .region(region)
                        .credentialsProvider(chain)
                        .httpClient(http)
                        .build();
        open.add(sts);
        StsAssumeRoleCredentialsProvider assumed =
                StsAssumeRoleCredentialsProvider.builder()
                        .stsClient(sts)
                        .refreshRequest(
                                request ->
                                        request.roleArn(role.arn())
                                                .externalId(role.externalId())
                                                .roleSessionName(role.session())
                                                .durationSeconds(role.seconds()))
                        .build();
        open.add(assumed);
        return assumed;
    }
}
