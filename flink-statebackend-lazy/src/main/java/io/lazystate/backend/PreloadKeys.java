package io.lazystate.backend;

import java.util.Set;
import org.apache.flink.annotation.PublicEvolving;

/**
 * Names keys whose rows a restored task will need at once: {@code state.backend.lazy.preload.keys}
 * lists classes that implement this.
 *
 * <p>They are found by the class loader of the job, and need a public constructor without
 * arguments. One is made for each keyed operator of a subtask, when it starts. Threads: one of the
 * backend's own, which is interrupted when the time for preloading is over. Errors: whatever goes
 * wrong here is logged, and rows are then loaded when they are used; the task is not harmed.
 */
@PublicEvolving
public interface PreloadKeys {
    /**
     * The keys to load, of the type that the operator is keyed by. Those of other subtasks are
     * passed over, so the same keys may be named everywhere.
     *
     * @param scope the operator that is restored
     * @return keys, the most important first; none if they are of no interest to this operator
     */
    Iterable<?> keys(Scope scope) throws Exception;

    /**
     * Whether rows of this state are to be loaded; those of all states unless this is overridden.
     *
     * @param state name of a state of the operator
     */
    default boolean wants(String state) {
        return true;
    }

    /**
     * The part of an operator that is restored.
     *
     * @param operator as the log names it: class, id and subtask
     * @param task name of its task
     * @param subtask index of its subtask, from 0
     * @param parallelism of the operator
     * @param firstKeyGroup the first of its key groups
     * @param lastKeyGroup the last of them, inclusive
     * @param numberOfKeyGroups of the job: the maximum parallelism
     * @param states names of its states in the checkpoint
     */
    record Scope(
            String operator,
            String task,
            int subtask,
            int parallelism,
            int firstKeyGroup,
            int lastKeyGroup,
            int numberOfKeyGroups,
            Set<String> states) {}
}
