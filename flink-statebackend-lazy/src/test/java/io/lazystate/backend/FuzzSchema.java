package io.lazystate.backend;

import java.util.Collections;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.TreeSet;

/**
 * Which states the code of one generation of a job knows, and in what version.
 *
 * @param unknown names of the states that it never registers
 * @param version of the serializer of the values; never less than what they were written with
 */
record FuzzSchema(Set<String> unknown, int version) {
    private static final List<String> STATES = List.of("values", "sums", "lists", "maps", "timers");

    /** All states, as they are. */
    static FuzzSchema complete(StateModel model) {
        return new FuzzSchema(Set.of(), model.valuesVersion);
    }

    /** Mostly all states as they are; at times without some, at times with a newer serializer. */
    static FuzzSchema draw(Random random, StateModel model) {
        Set<String> unknown = new TreeSet<>();
        if (random.nextInt(4) == 0) {
            for (int i = random.nextInt(3); i >= 0; i--) {
                unknown.add(STATES.get(random.nextInt(STATES.size())));
            }
        }
        int newer = random.nextInt(6) == 0 ? 1 : 0;
        return new FuzzSchema(Collections.unmodifiableSet(unknown), model.valuesVersion + newer);
    }

    boolean has(String state) {
        return !unknown.contains(state);
    }

    /** Whether the model has a row that this code does not know of. */
    boolean leavesOut(StateModel model) {
        return !has("values") && !model.values.isEmpty()
                || !has("sums") && !model.sums.isEmpty()
                || !has("lists") && !model.lists.isEmpty()
                || !has("maps") && !model.maps.isEmpty()
                || !has("timers") && !model.timers.isEmpty();
    }
}
