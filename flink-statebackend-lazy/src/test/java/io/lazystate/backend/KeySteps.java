package io.lazystate.backend;

import static org.assertj.core.api.Assertions.assertThat;

import io.lazystate.backend.Coverage.Event;
import io.lazystate.backend.StateModel.Row;
import java.util.Iterator;
import java.util.List;
import java.util.stream.Stream;
import org.apache.flink.api.common.state.StateDescriptor;
import org.apache.flink.api.common.typeutils.base.LongSerializer;

/** Iterations over the keys of whole states, some of which other steps go on under. */
final class KeySteps implements AutoCloseable {
    /** Keys that are read one by one, and those that must come. */
    private record Open(Stream<Long> stream, Iterator<Long> keys, Iterator<Long> expected) {}

    private final FuzzScope scope;
    private Open open;

    KeySteps(FuzzScope scope) {
        this.scope = scope;
    }

    /** Changes rows while an iterator over their keys is open. */
    void changeAll(long namespace) throws Exception {
        if (scope.random().nextInt(4) > 0) {
            return;
        }
        boolean clear = scope.random().nextInt(8) == 0;
        String prefix = scope.string();
        scope.task()
                .backend()
                .applyToAllKeys(
                        namespace,
                        LongSerializer.INSTANCE,
                        scope.states().values(),
                        (key, state) -> {
                            Row row = new Row(key, namespace);
                            assertThat(state.value()).isEqualTo(scope.model().values.get(row));
                            if (clear) {
                                state.clear();
                                scope.model().values.remove(row);
                            } else {
                                state.update(prefix + key);
                                scope.model().values.put(row, prefix + key);
                            }
                        });
        scope.check().keys(scope.states().values());
    }

    /** Opens an iterator, goes on with it some steps later, or reads all at once. */
    void read() throws Exception {
        long crossings = scope.crossings();
        if (open != null) {
            goOn(1 + scope.random().nextInt(10));
        } else {
            List<StateDescriptor<?, ?>> all = scope.states().all();
            StateDescriptor<?, ?> descriptor = all.get(scope.random().nextInt(all.size()));
            if (scope.random().nextBoolean()) {
                scope.check().keys(descriptor);
            } else {
                open(descriptor, FuzzSubtask.NAMESPACES.get(0));
            }
        }
        scope.hitIfCrossed(crossings);
    }

    private void open(StateDescriptor<?, ?> descriptor, long namespace) throws Exception {
        scope.states().register(descriptor, namespace);
        Stream<Long> stream = scope.task().backend().getKeys(descriptor.getName(), namespace);
        Iterator<Long> expected = scope.check().expectedKeys(descriptor, namespace).iterator();
        open = new Open(stream, stream.iterator(), expected);
    }

    private void goOn(int keys) {
        for (int i = 0; i < keys && open.expected().hasNext(); i++) {
            assertThat(open.keys().hasNext()).as("an open iterator goes on").isTrue();
            assertThat(open.keys().next()).isEqualTo(open.expected().next());
            scope.coverage().hit(Event.ITERATION_WHILE_OTHER_STEPS_GO_ON);
        }
        if (!open.expected().hasNext()) {
            assertThat(open.keys().hasNext()).as("an open iterator goes on").isFalse();
            close();
        }
    }

    @Override
    public void close() {
        if (open != null) {
            open.stream().close();
            open = null;
        }
    }
}
