package io.lazystate.backend;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import io.lazystate.error.Kind;
import io.lazystate.error.LazyStateException;
import java.util.List;
import org.apache.flink.api.common.JobID;
import org.apache.flink.api.common.typeutils.base.LongSerializer;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.configuration.StateBackendOptions;
import org.apache.flink.configuration.StateChangelogOptions;
import org.apache.flink.core.fs.CloseableRegistry;
import org.apache.flink.metrics.groups.UnregisteredMetricsGroup;
import org.apache.flink.runtime.jobgraph.JobVertexID;
import org.apache.flink.runtime.operators.testutils.MockEnvironment;
import org.apache.flink.runtime.operators.testutils.MockEnvironmentBuilder;
import org.apache.flink.runtime.query.KvStateRegistry;
import org.apache.flink.runtime.state.KeyGroupRange;
import org.apache.flink.runtime.state.KeyedStateBackendParametersImpl;
import org.apache.flink.runtime.state.StateBackend;
import org.apache.flink.runtime.state.StateBackendLoader;
import org.apache.flink.runtime.state.ttl.TtlTimeProvider;
import org.apache.flink.runtime.util.TestingTaskManagerRuntimeInfo;
import org.apache.flink.util.IOUtils;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Flink's changelog is refused, wherever it is switched on. */
class ChangelogTest {
    private static final ClassLoader CLASS_LOADER = ChangelogTest.class.getClassLoader();

    private final Configuration cluster = new Configuration();
    private final Configuration job = new Configuration();

    @ParameterizedTest
    @ValueSource(strings = {"state.changelog.enabled", "state.backend.changelog.enabled"})
    void inTheConfigurationOfTheCluster(String key) {
        cluster.setString(key, "true");
        cluster.set(StateBackendOptions.STATE_BACKEND, LazyStateBackendFactory.class.getName());
        assertRefused(() -> load(null));
    }

    @ParameterizedTest
    @ValueSource(strings = {"state.changelog.enabled", "state.backend.changelog.enabled"})
    void inTheConfigurationOfTheJob(String key) {
        cluster.set(StateBackendOptions.STATE_BACKEND, LazyStateBackendFactory.class.getName());
        job.setString(key, "true");
        assertRefused(() -> load(null));
    }

    @Test
    void inAJobWhoseBackendWasMadeByAProgram() throws Exception {
        job.set(StateChangelogOptions.ENABLE_STATE_CHANGE_LOG, true);
        StateBackend wrapped = load(new LazyStateBackend());
        assertRefused(() -> createKeyedBackend(wrapped));
    }

    @Test
    void inAClusterWhoseBackendsAreMadeByPrograms() throws Exception {
        cluster.set(StateChangelogOptions.ENABLE_STATE_CHANGE_LOG, true);
        StateBackend wrapped = load(new LazyStateBackend());
        assertRefused(() -> createKeyedBackend(wrapped));
    }

    @Test
    void butAJobMaySwitchItOff() throws Exception {
        cluster.set(StateBackendOptions.STATE_BACKEND, LazyStateBackendFactory.class.getName());
        cluster.set(StateChangelogOptions.ENABLE_STATE_CHANGE_LOG, true);
        job.set(StateChangelogOptions.ENABLE_STATE_CHANGE_LOG, false);
        StateBackend backend = load(null);
        assertThat(backend).isInstanceOf(LazyStateBackend.class);
        createKeyedBackend(backend);
    }

    private static void assertRefused(ThrowingCallable call) {
        LazyStateException refusal = catchThrowableOfType(LazyStateException.class, call);
        assertThat(refusal.kind()).isEqualTo(Kind.INVALID);
        assertThat(refusal)
                .hasMessageContaining("state.changelog.enabled is true")
                .hasMessageContaining("set it to false");
    }

    private StateBackend load(StateBackend madeByTheProgram) throws Exception {
        return StateBackendLoader.fromApplicationOrConfigOrDefault(
                madeByTheProgram, job, cluster, CLASS_LOADER, null);
    }

    /** As a task does. */
    private void createKeyedBackend(StateBackend backend) throws Exception {
        MockEnvironment env =
                new MockEnvironmentBuilder()
                        .setTaskName("test")
                        .setTaskManagerRuntimeInfo(new TestingTaskManagerRuntimeInfo(cluster))
                        .build();
        env.getJobConfiguration().addAll(job);
        JobID id = new JobID();
        try {
            backend.createKeyedStateBackend(
                            new KeyedStateBackendParametersImpl<>(
                                    env,
                                    id,
                                    "op",
                                    LongSerializer.INSTANCE,
                                    1,
                                    KeyGroupRange.of(0, 0),
                                    new KvStateRegistry().createTaskRegistry(id, new JobVertexID()),
                                    TtlTimeProvider.DEFAULT,
                                    new UnregisteredMetricsGroup(),
                                    List.of(),
                                    new CloseableRegistry()))
                    .dispose();
        } finally {
            IOUtils.closeQuietly(env);
        }
    }
}
