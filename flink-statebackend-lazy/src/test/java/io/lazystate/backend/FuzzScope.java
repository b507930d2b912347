package io.lazystate.backend;

import io.lazystate.backend.Coverage.Event;
import io.lazystate.backend.StateModel.Row;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;

/**
 * What the steps on one subtask share.
 *
 * @param rows every row that can have a value in this task
 */
record FuzzScope(
        TestTask task,
        FuzzStates states,
        StateModel model,
        StateCheck check,
        List<Row> rows,
        Random random,
        Coverage coverage) {
    private static final int LONG_STRING = 3000;

    Row anyRow() {
        return rows.get(random.nextInt(rows.size()));
    }

    /** The row itself, or some other: writes must not show there. */
    Row thisOrAny(Row row) {
        return random.nextBoolean() ? row : anyRow();
    }

    long coldWrites() {
        return task.metrics().coldWrites().sum();
    }

    /** Notes an event if the condition holds and a cold extent was written to. */
    void hitIfCold(boolean condition, long coldWritesBefore, Event event) {
        coverage.hitIf(condition && coldWrites() > coldWritesBefore, event);
    }

    long crossings() {
        return task.metrics().extentCrossings().sum();
    }

    void hitIfCrossed(long crossingsBefore) {
        coverage.hitIf(crossings() > crossingsBefore, Event.ITERATION_ACROSS_EXTENTS);
    }

    /** Mostly short, at times longer than pages and extents; with the list delimiter in it. */
    String string() {
        int length = random.nextInt(100) == 0 ? LONG_STRING : random.nextInt(30);
        char[] chars = new char[length];
        Arrays.fill(chars, ',');
        for (int i = 0; i < length; i += 1 + i / 100) {
            chars[i] = (char) ('a' + random.nextInt(26));
        }
        return new String(chars);
    }

    List<String> strings(int count) {
        List<String> strings = new ArrayList<>();
        for (int i = 0; i < count; i++) {
            strings.add(string());
        }
        return strings;
    }
}
