package io.lazystate.backend;

import static org.assertj.core.api.Assertions.assertThat;

import io.lazystate.ScratchDirectory;
import io.lazystate.backend.FaultPlan.Fault;
import io.lazystate.backend.FaultPlan.Step;
import io.lazystate.watchdog.Patience;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * Whatever step of a task's life goes wrong, and however: what it goes on with, or is restored to,
 * is what was written, and nothing is left behind.
 *
 * <p>The steps are counted first; then the same life is lived once for every step and every way in
 * which it can go wrong: for every one if {@code -Dfuzz.seconds=} gives it a minute or more, else
 * for some of each kind.
 */
@Patience(minutes = 30)
class FaultStepsTest {
    /** Lives of one kind of step and fault in the default build, or a few more. */
    private static final int FEW = 2;

    private static final int FEW_WITH_CACHE = 1;

    private static final boolean ALL = Long.getLong("fuzz.seconds", 0L) >= 60;

    private record Kind(Step step, Fault fault) {}

    @ParameterizedTest
    @EnumSource(
            value = LoadingMode.class,
            names = {"LAZY", "EAGER"})
    void whateverGoesWrongNothingIsLostOrLeft(LoadingMode mode) throws Exception {
        liveAll(mode, false);
    }

    /**
     * The same with an edge cache: what goes wrong beside it, and what goes wrong in it, of which
     * the task must not notice anything.
     */
    @ParameterizedTest
    @EnumSource(
            value = LoadingMode.class,
            names = {"LAZY", "EAGER"})
    void whateverGoesWrongWithTheEdgeCacheNothingIsLostOrLeft(LoadingMode mode) throws Exception {
        liveAll(mode, true);
    }

    private static void liveAll(LoadingMode mode, boolean withCache) throws Exception {
        try (ScratchDirectory directory = new ScratchDirectory("faults")) {
            FaultScenario scenario = new FaultScenario(directory.path(), mode, withCache);
            List<Step> steps = scenario.run(-1, null).steps();
            assertThat(scenario.cacheHits() > 0).as("there are cache hits").isEqualTo(withCache);
            Map<Step, Integer> counts = new EnumMap<>(Step.class);
            steps.forEach(step -> counts.merge(step, 1, Integer::sum));
            System.out.println(
                    "FaultStepsTest: " + mode + (withCache ? ", edge cache " : " ") + counts);
            int few = withCache ? FEW_WITH_CACHE : FEW;
            for (Step step : Step.values()) {
                if (withCache && !step.touchesCache()) {
                    continue;
                }
                for (Fault fault : step.faults(withCache)) {
                    if (counts.containsKey(step)) {
                        assertThat(lives(scenario, steps, new Kind(step, fault), few))
                                .as("%s at %s", fault, step)
                                .isPositive();
                    }
                }
            }
        }
    }

    /** Returns how many of the lives met the fault: parallel reads differ from time to time. */
    private static int lives(FaultScenario scenario, List<Step> steps, Kind kind, int few) {
        int total = (int) steps.stream().filter(kind.step()::equals).count();
        int every = ALL ? 1 : Math.max(1, total / few);
        int seen = kind.fault().ordinal(); // so that the kinds do not all meet the same steps
        int met = 0;
        for (int i = 0; i < steps.size(); i++) {
            if (steps.get(i) == kind.step() && seen++ % every == 0) {
                try {
                    met += scenario.run(i, kind.fault()).fired() ? 1 : 0;
                } catch (Throwable e) {
                    throw new AssertionError(
                            kind.fault() + " at step " + i + ", " + kind.step(), e);
                }
            }
        }
        return met;
    }
}
