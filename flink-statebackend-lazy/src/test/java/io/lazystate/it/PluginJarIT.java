package io.lazystate.it;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.lang.reflect.Proxy;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.ServiceLoader;
import java.util.function.DoubleSupplier;
import java.util.jar.JarEntry;
import java.util.jar.JarFile;
import java.util.stream.Stream;
import org.apache.flink.configuration.ReadableConfig;
import org.apache.flink.runtime.state.StreamStateHandle;
import org.apache.flink.runtime.state.filesystem.FileStateHandle;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The jar that a user drops into Flink's {@code lib/}: on its own, beside nothing but Flink. */
class PluginJarIT {
    private static final Path JAR = Path.of(System.getProperty("plugin.jar"));

    @TempDir static Path root;

    private static S3Server server;
    private static URLClassLoader plugin;

    @BeforeAll
    static void start() throws IOException {
        server = S3Server.start(Path.of(System.getProperty("s3.server")), root);
        plugin = new URLClassLoader(new URL[] {JAR.toUri().toURL()}, new FlinkAlone());
    }

    @AfterAll
    static void stop() throws IOException {
        if (plugin != null) {
            plugin.close();
        }
        if (server != null) {
            server.close();
        }
    }

    @Test
    void readsS3WithItsOwnCopyOfTheSdk() throws Exception {
        byte[] content = new byte[100_000];
        new Random(1).nextBytes(content);
        FileStateHandle handle =
                new FileStateHandle(
                        new org.apache.flink.core.fs.Path(server.put("object", content)),
                        content.length);
        Class<?> port = store("RangedReader");
        Class<?> metrics = Class.forName("io.lazystate.metrics.StoreMetrics", true, plugin);
        Object retries =
                store("Retries")
                        .getConstructor(int.class, store("Backoff"), store("Sleeper"), metrics)
                        .newInstance(
                                1,
                                store("Backoff")
                                        .getConstructor(
                                                long.class, long.class, DoubleSupplier.class)
                                        .newInstance(0, 0, (DoubleSupplier) () -> 0),
                                notCalled(store("Sleeper")),
                                metrics.getConstructor().newInstance());
        Object limits =
                store("S3Limits")
                        .getConstructor(
                                boolean.class,
                                int.class,
                                int.class,
                                Duration.class,
                                Duration.class,
                                Duration.class,
                                double.class)
                        .newInstance(
                                true,
                                4,
                                4,
                                Duration.ofMinutes(1),
                                Duration.ofMinutes(1),
                                Duration.ZERO,
                                0);
        Object reader =
                store("SchemeRouter")
                        .getConstructor(
                                port,
                                store("S3Clients"),
                                ReadableConfig.class,
                                store("S3Limits"),
                                store("Retries"))
                        .newInstance(
                                notCalled(port),
                                store("S3Clients").getField("SHARED").get(null),
                                server.clientSettings(),
                                limits,
                                retries);
        Object object =
                store("StoredObject")
                        .getConstructor(String.class, long.class, StreamStateHandle.class)
                        .newInstance("object", content.length, handle);

        Object read =
                port.getMethod("read", store("StoredObject"), long.class, int.class)
                        .invoke(reader, object, 1000, 2000);

        assertThat(read).isEqualTo(Arrays.copyOfRange(content, 1000, 3000));
        store("SchemeRouter").getMethod("release").invoke(reader);
    }

    @Test
    void hasWhatIsFoundByName() throws ReflectiveOperationException {
        Class<?> http =
                Class.forName(
                        "io.lazystate.shaded.software.amazon.awssdk.http.SdkHttpService",
                        true,
                        plugin);
        assertThat(ServiceLoader.load(http, plugin)).hasSize(1);
        for (String name :
                List.of(
                        "io.lazystate.run.KeyFilter",
                        "io.lazystate.run.StoredBlock",
                        "io.lazystate.shaded.software.amazon.awssdk.services.sts.internal"
                                + ".StsWebIdentityCredentialsProviderFactory")) {
            assertThat(Class.forName(name, true, plugin).getClassLoader()).isSameAs(plugin);
        }
    }

    @Test
    void bringsNothingUnderANameThatOthersMayHave() throws IOException {
        try (JarFile jar = new JarFile(JAR.toFile())) {
            assertThat(jar.stream().filter(entry -> !entry.isDirectory()).map(JarEntry::getName))
                    .allMatch(
                            name ->
                                    name.startsWith("io/lazystate/")
                                            || name.startsWith("META-INF/services/io.lazystate.")
                                            || name.matches("META-INF/[^/]+")
                                            // the list by which host names are verified
                                            || name.startsWith("org/publicsuffix/"))
                    .noneMatch(name -> name.contains("/netty/") || name.endsWith(".so"));
        }
    }

    private static Class<?> store(String name) throws ClassNotFoundException {
        return Class.forName("io.lazystate.store." + name, true, plugin);
    }

    /** An object that must not be used: Flink's file systems would hide what does not work. */
    private static Object notCalled(Class<?> type) {
        return Proxy.newProxyInstance(
                plugin,
                new Class<?>[] {type},
                (proxy, method, arguments) -> {
                    if (method.getName().equals("release")) {
                        return null;
                    }
                    throw new AssertionError(method + " was called");
                });
    }

    /** The class path without us and what the plugin jar must bring. */
    private static final class FlinkAlone extends ClassLoader {
        FlinkAlone() {
            super(PluginJarIT.class.getClassLoader());
        }

        @Override
        protected Class<?> loadClass(String name, boolean resolve) throws ClassNotFoundException {
            if (Stream.of(
                            "io.lazystate.",
                            "software.amazon.",
                            "org.apache.hc.",
                            "org.reactivestreams.",
                            "net.jpountz.")
                    .anyMatch(name::startsWith)) {
                throw new ClassNotFoundException(name);
            }
            return super.loadClass(name, resolve);
        }
    }
}
