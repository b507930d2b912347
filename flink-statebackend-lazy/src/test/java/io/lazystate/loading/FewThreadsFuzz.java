package io.lazystate.loading;

import static org.assertj.core.api.Assertions.assertThat;

import io.lazystate.error.Kind;
import io.lazystate.error.LazyStateException;
import io.lazystate.metrics.LoadCause;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Whatever is asked for is answered, though now and then no thread can be made, work fails, and
 * clients close meanwhile.
 *
 * <p>Which threads meet is up to the machine; the seed decides what each of them does.
 */
@Timeout(600)
class FewThreadsFuzz {
    private static final int ROUNDS = 30;
    private static final int ASKING = 4;
    private static final int REQUESTS = 40;
    private static final int KEYS = 6;
    private static final long TOO_LONG_SECONDS = 120;

    /** One backend: pages, whose work needs page tables, as those of a loader do. */
    private static final class Backend {
        private final SharedLoader.Client client;
        private final SingleFlight<Integer, String> tables;
        private final SingleFlight<Integer, String> pages;

        Backend(SharedLoader.Client client) {
            this.client = client;
            this.tables = new SingleFlight<>(client);
            this.pages = new SingleFlight<>(client);
        }

        CompletableFuture<String> page(int page, LoadCause cause, boolean fails) {
            return pages.start(
                    List.of(page, page + 1),
                    cause,
                    1,
                    urgent -> {
                        // A task that waits has its page tables already.
                        if (urgent != LoadCause.DEMAND) {
                            Futures.await(table(page));
                        }
                        if (fails) {
                            throw new IllegalStateException("planned");
                        }
                        return List.of("page " + page, "page " + (page + 1));
                    });
        }

        CompletableFuture<String> table(int page) {
            return tables.start(page, LoadCause.DEMAND, 1, urgent -> "table");
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 2, 4, 100})
    void everyRequestIsAnswered(int oneThreadOf) throws Exception {
        long seed = Long.getLong("fuzz.seed", ThreadLocalRandom.current().nextLong());
        System.out.println("FewThreadsFuzz: -Dfuzz.seed=" + seed);
        Random random = new Random(seed);
        for (int round = 0; round < ROUNDS; round++) {
            round(new Random(random.nextLong()), oneThreadOf);
        }
    }

    private static void round(Random random, int oneThreadOf) throws Exception {
        SharedLoader loader = new SharedLoader(4, work -> new Unreliable(work, oneThreadOf));
        Backend closing = new Backend(loader.open(4));
        Backend staying = new Backend(loader.open(4));
        ExecutorService askers = Executors.newFixedThreadPool(ASKING + 1);
        try {
            List<Future<List<CompletableFuture<String>>>> asked = new ArrayList<>();
            for (int i = 0; i < ASKING; i++) {
                Backend backend = i % 2 == 0 ? closing : staying;
                Random own = new Random(random.nextLong());
                asked.add(askers.submit(() -> ask(backend, own)));
            }
            Future<?> close = askers.submit(closing.client::close);
            for (Future<List<CompletableFuture<String>>> one : asked) {
                for (CompletableFuture<String> answer : get(one)) {
                    assertAnswered(answer);
                }
            }
            get(close);
            staying.client.close();
        } finally {
            askers.shutdownNow();
        }
        for (int key = 0; key <= KEYS; key++) {
            assertThat(staying.pages.isUnderWay(key)).isFalse();
            assertThat(closing.pages.isUnderWay(key)).isFalse();
        }
    }

    private static List<CompletableFuture<String>> ask(Backend backend, Random random)
            throws Exception {
        List<CompletableFuture<String>> answers = new ArrayList<>();
        LoadCause[] causes = LoadCause.values();
        for (int i = 0; i < REQUESTS; i++) {
            LoadCause cause = causes[random.nextInt(causes.length)];
            answers.add(backend.page(random.nextInt(KEYS), cause, random.nextInt(10) == 0));
            if (cause == LoadCause.DEMAND) {
                assertAnswered(answers.get(i));
            }
        }
        return answers;
    }

    private static void assertAnswered(CompletableFuture<String> answer) throws Exception {
        try {
            assertThat(get(answer)).startsWith("page");
        } catch (ExecutionException e) {
            if (e.getCause() instanceof LazyStateException ours) {
                assertThat(ours.kind()).isIn(Kind.UNAVAILABLE, Kind.CLOSED);
            } else {
                assertThat(e.getCause()).hasMessage("planned");
            }
        }
    }

    private static <T> T get(Future<T> future) throws Exception {
        return future.get(TOO_LONG_SECONDS, TimeUnit.SECONDS);
    }

    /** One of some can be started. */
    private static final class Unreliable extends Thread {
        private final int oneOf;

        Unreliable(Runnable work, int oneOf) {
            super(work);
            this.oneOf = oneOf;
        }

        @Override
        public void start() {
            if (ThreadLocalRandom.current().nextInt(oneOf) > 0) {
                throw new OutOfMemoryError("unable to create native thread (test)");
            }
            super.start();
        }
    }
}
