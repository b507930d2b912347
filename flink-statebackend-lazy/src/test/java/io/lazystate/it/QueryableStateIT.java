package io.lazystate.it;

import static org.assertj.core.api.Assertions.assertThat;

import java.net.BindException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.file.Path;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import org.apache.flink.api.common.JobID;
import org.apache.flink.api.common.state.State;
import org.apache.flink.api.common.state.StateDescriptor;
import org.apache.flink.api.common.typeinfo.Types;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.configuration.QueryableStateOptions;
import org.apache.flink.queryablestate.client.QueryableStateClient;
import org.apache.flink.runtime.query.UnknownKvStateLocation;
import org.apache.flink.runtime.testutils.CommonTestUtils;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A running job whose state is cold answers queries through Flink's queryable state service. */
@SuppressWarnings("deprecation") // the service is, as a whole
class QueryableStateIT {
    private static final long PATIENCE_SECONDS = 60;

    /** Keys 1, 8, ...: the job never removes the first entry of these. */
    private static final int STEP = 7;

    @TempDir static Path root;

    @Test
    void aQuerySeesColdRows() throws Exception {
        int port = freePort(20_000 + (int) (ProcessHandle.current().pid() % 5_000));
        Configuration queries = new Configuration();
        queries.set(QueryableStateOptions.ENABLE_QUERYABLE_STATE_PROXY_SERVER, true);
        queries.set(QueryableStateOptions.PROXY_PORT_RANGE, "" + port);
        queries.set(QueryableStateOptions.SERVER_PORT_RANGE, "" + freePort(port + 1));
        String directory = "file:" + root.resolve("queried");
        try (LedgerCluster cluster = LedgerCluster.start("LAZY", queries)) {
            JobID first = cluster.submit(directory, execution("first"));
            LedgerJob.awaitEventsAfter(0, "first");
            String checkpoint = cluster.checkpoint(first);
            cluster.cancel(first);
            JobID job = cluster.submitCold(checkpoint, directory, execution("queried"));

            Client client = new Client(port, job);
            try {
                for (long key = 1; key < LedgerJob.KEYS; key += STEP) {
                    assertIsSumOfSomeEvents(
                            client.query("sum", key, LedgerJob.sumState()).value(), key);
                    assertThat(client.query("entries", key, LedgerJob.entriesState()).get(key))
                            .isEqualTo(LedgerJob.payload(key));
                }
            } finally {
                client.close();
            }
            cluster.cancel(job);
            assertThat(cluster.counted(job, "faults")).isPositive();
            assertThat(cluster.counted(job, "extentsLinked")).isZero();
        }
    }

    /** The job goes on meanwhile, as far as its checkpoints let it. */
    private static void assertIsSumOfSomeEvents(long sum, long key) {
        long possible = key;
        for (long event = key + LedgerJob.KEYS; possible < sum; event += LedgerJob.KEYS) {
            possible += event;
        }
        assertThat(sum).as("key %s", key).isEqualTo(possible);
    }

    private static LedgerJob.Execution execution(String history) {
        return new LedgerJob.Execution(history, 2, LedgerJob.NEVER, LedgerJob.NEVER);
    }

    /** Below those that the system gives to others meanwhile. */
    private static int freePort(int from) throws Exception {
        for (int port = from; ; port++) {
            try (ServerSocket socket =
                    new ServerSocket(port, 1, InetAddress.getLoopbackAddress())) {
                return socket.getLocalPort();
            } catch (BindException e) {
                if (port > 30_000) {
                    throw e;
                }
            }
        }
    }

    private static final class Client {
        private final QueryableStateClient client;
        private final JobID job;

        Client(int port, JobID job) throws Exception {
            this.client = new QueryableStateClient("localhost", port);
            this.job = job;
        }

        <S extends State> S query(String name, long key, StateDescriptor<S, ?> state)
                throws Exception {
            AtomicReference<S> answer = new AtomicReference<>();
            CommonTestUtils.waitUntilCondition(() -> isAnswered(name, key, state, answer));
            return answer.get();
        }

        /** While the job starts, its states are not known yet. */
        private <S extends State> boolean isAnswered(
                String name, long key, StateDescriptor<S, ?> state, AtomicReference<S> answer)
                throws Exception {
            try {
                answer.set(
                        client.getKvState(job, name, key, Types.LONG, state)
                                .get(PATIENCE_SECONDS, TimeUnit.SECONDS));
                return true;
            } catch (ExecutionException e) {
                if (e.getMessage().contains(UnknownKvStateLocation.class.getName())) {
                    return false;
                }
                throw e;
            }
        }

        void close() {
            client.shutdownAndWait();
        }
    }
}
