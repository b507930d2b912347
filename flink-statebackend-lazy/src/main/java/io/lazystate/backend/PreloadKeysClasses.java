package io.lazystate.backend;

import io.lazystate.error.Kind;
import io.lazystate.error.LazyStateException;
import io.lazystate.error.Where;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Set;
import org.apache.flink.api.common.TaskInfo;
import org.apache.flink.runtime.state.StateBackend.KeyedStateBackendParameters;
import org.jspecify.annotations.Nullable;

/** Makes the objects that {@link LazyStateOptions#PRELOAD_KEYS} names, and what they are given. */
final class PreloadKeysClasses {
    private PreloadKeysClasses() {}

    /**
     * @throws LazyStateException INVALID, naming the class and what it lacks
     */
    static List<PreloadKeys> instances(List<String> classes, ClassLoader userCode) {
        List<PreloadKeys> instances = new ArrayList<>();
        for (String name : classes) {
            instances.add(instance(name, userCode));
        }
        return instances;
    }

    /**
     * What keys are asked for.
     *
     * @param states that are not loaded as a whole
     */
    static PreloadKeys.Scope scope(KeyedStateBackendParameters<?> backend, Set<String> states) {
        TaskInfo task = backend.getEnv().getTaskInfo();
        return new PreloadKeys.Scope(
                backend.getOperatorIdentifier(),
                task.getTaskName(),
                task.getIndexOfThisSubtask(),
                task.getNumberOfParallelSubtasks(),
                backend.getKeyGroupRange().getStartKeyGroup(),
                backend.getKeyGroupRange().getEndKeyGroup(),
                backend.getNumberOfKeyGroups(),
                Collections.unmodifiableSet(states));
    }

    private static PreloadKeys instance(String name, ClassLoader userCode) {
        Class<?> found;
        try {
            found = Class.forName(name, true, userCode);
        } catch (ClassNotFoundException | LinkageError e) {
            throw invalid(name, "cannot be loaded by the job's class loader", e);
        }
        if (!PreloadKeys.class.isAssignableFrom(found)) {
            throw invalid(name, "does not implement " + PreloadKeys.class.getName(), null);
        }
        try {
            return (PreloadKeys) found.getConstructor().newInstance();
        } catch (ReflectiveOperationException | LinkageError e) {
            throw invalid(name, "cannot be made with a public constructor without arguments", e);
        }
    }

    private static LazyStateException invalid(
            String name, String problem, @Nullable Throwable cause) {
        return new LazyStateException(
                Kind.INVALID,
                Where.NOWHERE,
                "The class "
                        + name
                        + " of option "
                        + LazyStateOptions.PRELOAD_KEYS.key()
                        + " "
                        + problem
                        + "; put a public class into the job's jar that fits, or remove it from the"
                        + " option",
                cause);
    }
}
