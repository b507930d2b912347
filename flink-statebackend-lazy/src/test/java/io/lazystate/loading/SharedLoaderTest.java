package io.lazystate.loading;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.lazystate.error.Kind;
import io.lazystate.error.LazyStateException;
import io.lazystate.loading.SharedLoader.Client;
import io.lazystate.metrics.LoadCause;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Whose request runs next, how many at once, and what is left of a client that closes. */
@Timeout(120)
class SharedLoaderTest {
    private static final long BUDGET = 100;

    private final SharedLoader loader = new SharedLoader(BUDGET, this::thread);
    private final List<Work> started = Collections.synchronizedList(new ArrayList<>());
    private final List<Client> open = new ArrayList<>();
    private volatile boolean noThreads;

    @AfterEach
    void noThreadSurvivesTheLastClient() {
        started.forEach(work -> work.mayEnd.countDown());
        open.forEach(Client::close);
        assertThat(threads()).isEmpty();
    }

    @Test
    void theMostUrgentRequestIsNext() throws Exception {
        Client client = open(2);
        Work first = submit(client, LoadCause.DEMAND, 0);
        Work second = submit(client, LoadCause.DEMAND, 0);
        first.awaitStart();
        second.awaitStart();
        List<Work> waiting = new ArrayList<>();
        for (int i = LoadCause.values().length - 1; i >= 0; i--) {
            waiting.add(0, submit(client, LoadCause.values()[i], 0));
        }

        first.mayEnd.countDown();
        for (Work work : waiting) {
            work.awaitStart();
            work.mayEnd.countDown();
        }

        assertThat(started.subList(2, started.size()))
                .extracting(work -> work.cause)
                .containsExactly(LoadCause.values());
    }

    @Test
    void whatATaskWaitsForNeverWaitsForHydration() throws Exception {
        Client client = open(4);
        List<Work> hydration = new ArrayList<>();
        for (int i = 0; i < 10; i++) {
            hydration.add(submit(client, LoadCause.HYDRATE, 0));
        }
        hydration.get(0).awaitStart();
        hydration.get(1).awaitStart();
        for (int i = 0; i < 5; i++) {
            Work demand = submit(client, LoadCause.DEMAND, 1_000 * BUDGET);
            demand.awaitStart();
            demand.mayEnd.countDown();
        }
        assertThat(started)
                .filteredOn(work -> work.cause == LoadCause.HYDRATE)
                .containsExactlyInAnyOrder(hydration.get(0), hydration.get(1));
    }

    @Test
    void equallyUrgentClientsTakeTurns() throws Exception {
        Client many = open(2);
        Client few = open(2);
        Work blocker = submit(many, LoadCause.PRELOAD, 0);
        blocker.awaitStart();
        List<Work> ofMany = new ArrayList<>();
        for (int i = 0; i < 4; i++) {
            ofMany.add(submit(many, LoadCause.HYDRATE, 0));
        }
        List<Work> ofFew =
                List.of(submit(few, LoadCause.HYDRATE, 0), submit(few, LoadCause.HYDRATE, 0));
        List<Work> inTurn =
                List.of(
                        ofMany.get(0),
                        ofFew.get(0),
                        ofMany.get(1),
                        ofFew.get(1),
                        ofMany.get(2),
                        ofMany.get(3));

        blocker.mayEnd.countDown();
        for (Work work : inTurn) {
            work.awaitStart();
            work.mayEnd.countDown();
        }

        assertThat(started.subList(1, started.size())).isEqualTo(inTurn);
    }

    @Test
    void bytesOnTheirWayInTheBackgroundAreBounded() throws Exception {
        Client client = open(16);
        Work half = submit(client, LoadCause.HYDRATE, BUDGET / 2);
        Work otherHalf = submit(client, LoadCause.HYDRATE, BUDGET / 2);
        Work larger = submit(client, LoadCause.HYDRATE, 2 * BUDGET);
        Work small = submit(client, LoadCause.HYDRATE, 1);
        half.awaitStart();
        otherHalf.awaitStart();
        half.mayEnd.countDown();
        otherHalf.mayEnd.countDown();
        larger.awaitStart();
        assertThat(started).doesNotContain(small);
        larger.mayEnd.countDown();
        small.awaitStart();
    }

    @Test
    void aClientThatClosesTakesItsRequestsAlongAndNoOther() throws Exception {
        Client other = open(4);
        Client closing = open(4);
        Work goesOn = submit(other, LoadCause.HYDRATE, 0);
        Work running = submit(closing, LoadCause.HYDRATE, 0);
        goesOn.awaitStart();
        running.awaitStart();
        Work queued = submit(closing, LoadCause.HYDRATE, 0);
        Work queuedOther = submit(other, LoadCause.HYDRATE, 0);

        closing.close();

        assertThat(running.interrupted).isTrue();
        assertThat(queued.dropped).isNotNull();
        assertThatThrownBy(() -> submit(closing, LoadCause.DEMAND, 0))
                .isInstanceOf(RejectedExecutionException.class);
        queuedOther.awaitStart();
        queuedOther.end();
        goesOn.end();
        other.close();
        assertThat(queuedOther.interrupted).as("by what was meant for another").isFalse();
        assertThat(goesOn.interrupted).isFalse();
        assertThat(started).doesNotContain(queued);
    }

    @Test
    void aRequestThatFailsHarmsNoOther() throws Exception {
        Client client = open(2);
        for (int i = 0; i < 10; i++) {
            client.execute(
                    LoadCause.HYDRATE,
                    BUDGET,
                    new LoadExecutor.Request() {
                        @Override
                        public void run() {
                            throw new IllegalStateException("as it should");
                        }

                        @Override
                        public void dropped(LazyStateException why) {}
                    });
        }
        submit(client, LoadCause.HYDRATE, BUDGET).awaitStart();
    }

    @Test
    void theLargestWishForThreadsCountsWhileItsClientIsOpen() throws Exception {
        Client small = open(2);
        Client large = open(8);
        List<Work> wave = new ArrayList<>();
        for (int i = 0; i < 8; i++) {
            wave.add(submit(small, LoadCause.DEMAND, 0));
        }
        for (Work work : wave) {
            work.awaitStart();
        }
        large.close();
        Work one = submit(small, LoadCause.DEMAND, 0);
        for (Work work : wave.subList(0, 6)) {
            work.end();
        }
        assertThat(started).doesNotContain(one);
        wave.get(6).mayEnd.countDown();
        one.awaitStart();
    }

    @Test
    void threadsEndWithAClientWhileNoOtherUsesThem() throws Exception {
        Client idle = open(2);
        submit(idle, LoadCause.DEMAND, 0).awaitStart();
        started.get(0).end();
        Client closing = open(2);
        submit(closing, LoadCause.PRELOAD, 0).awaitStart();
        Work waiting = submit(idle, LoadCause.HYDRATE, 0);

        closing.close();

        waiting.awaitStart();
        assertThat(threads()).as("one of its own").containsExactly(waiting.thread);
    }

    @Test
    void afterTheLastClientANewOneFindsThreadsAgain() throws Exception {
        for (int i = 0; i < 3; i++) {
            Client client = open(4);
            Work work = submit(client, LoadCause.DEMAND, 0);
            work.awaitStart();
            assertThat(threads()).hasSize(1);
            client.close();
            assertThat(threads()).isEmpty();
        }
    }

    /** It never waits for what no task waits for, which may wait for it. */
    @Test
    void withoutAThreadWhatATaskWaitsForIsDropped() throws Exception {
        Client client = open(4);
        Work running = submit(client, LoadCause.HYDRATE, 0);
        running.awaitStart();
        noThreads = true;
        Work demand = submit(client, LoadCause.DEMAND, 0);

        assertThat(demand.dropped).satisfies(SharedLoaderTest::isNoThread);
    }

    @Test
    void withoutAThreadWhatNoTaskWaitsForHasTheNextTurn() throws Exception {
        Client client = open(6);
        Client other = open(6);
        Work running = submit(client, LoadCause.HYDRATE, 0);
        running.awaitStart();
        noThreads = true;
        List<Work> inTurn =
                List.of(
                        submit(client, LoadCause.HYDRATE, 0),
                        submit(other, LoadCause.HYDRATE, 0),
                        submit(client, LoadCause.HYDRATE, 0));
        running.mayEnd.countDown();
        for (Work work : inTurn) {
            work.awaitStart();
            work.mayEnd.countDown();
        }
        assertThat(started.subList(1, 4)).isEqualTo(inTurn);
        assertThat(started).extracting(work -> work.thread).containsOnly(running.thread);
    }

    @Test
    void withoutAnyThreadEverythingIsDroppedAndLaterOnesRun() throws Exception {
        Client client = open(4);
        noThreads = true;
        for (LoadCause cause : LoadCause.values()) {
            assertThat(submit(client, cause, 0).dropped).satisfies(SharedLoaderTest::isNoThread);
        }
        noThreads = false;

        submit(client, LoadCause.HYDRATE, BUDGET).awaitStart();
    }

    @Test
    void whoeverWaitsForARequestThatRunsIsToldBeforeItEnds() throws Exception {
        Client client = open(2);
        Work deaf = submit(client, LoadCause.DEMAND, 0);
        deaf.deaf = true;
        deaf.awaitStart();
        Thread closing = new Thread(client::close);
        closing.start();
        deaf.awaitDrop();

        assertThat(closing.isAlive()).as("waits for its end").isTrue();
        deaf.mayEnd.countDown();
        closing.join();
        assertThat(deaf.dropped.kind()).isEqualTo(Kind.CLOSED);
    }

    private static void isNoThread(LazyStateException why) {
        assertThat(why).hasMessageContaining("No thread can be made");
        assertThat(why.kind()).isEqualTo(Kind.UNAVAILABLE);
    }

    /** Starts only if it may. */
    private Thread thread(Runnable work) {
        return new Thread(work) {
            @Override
            public void start() {
                if (noThreads) {
                    throw new OutOfMemoryError("unable to create native thread (test)");
                }
                super.start();
            }
        };
    }

    private Client open(int threads) {
        Client client = loader.open(threads);
        open.add(client);
        return client;
    }

    private Work submit(Client client, LoadCause cause, long bytes) {
        Work work = new Work(cause);
        client.execute(cause, bytes, work);
        return work;
    }

    private static List<Thread> threads() {
        return Thread.getAllStackTraces().keySet().stream()
                .filter(thread -> thread.getName().startsWith("lazy-state-loader"))
                .toList();
    }

    /** A request that runs until it may end. */
    private final class Work implements LoadExecutor.Request {
        private final LoadCause cause;
        private final CountDownLatch hasStarted = new CountDownLatch(1);
        private final CountDownLatch mayEnd = new CountDownLatch(1);
        private volatile Thread thread;
        private volatile boolean interrupted;
        private final CountDownLatch isDropped = new CountDownLatch(1);
        private volatile LazyStateException dropped;
        private volatile boolean deaf;

        Work(LoadCause cause) {
            this.cause = cause;
        }

        @Override
        public void run() {
            thread = Thread.currentThread();
            started.add(this);
            hasStarted.countDown();
            do {
                try {
                    mayEnd.await();
                    deaf = false;
                } catch (InterruptedException e) {
                    interrupted = true;
                }
            } while (deaf);
            if (interrupted) {
                Thread.currentThread().interrupt();
            }
        }

        @Override
        public void dropped(LazyStateException why) {
            dropped = why;
            isDropped.countDown();
        }

        void awaitDrop() throws InterruptedException {
            assertThat(isDropped.await(60, TimeUnit.SECONDS)).as("dropped").isTrue();
        }

        void awaitStart() throws InterruptedException {
            assertThat(hasStarted.await(60, TimeUnit.SECONDS)).as("started").isTrue();
        }

        /** Lets it end, and waits until its thread has found nothing that may run next. */
        void end() {
            mayEnd.countDown();
            while (Stream.of(Thread.State.TIMED_WAITING, Thread.State.TERMINATED)
                            .noneMatch(state -> thread.getState() == state)
                    && !Thread.currentThread().isInterrupted()) {
                Thread.onSpinWait();
            }
        }
    }
}
