package io.lazystate.backend;

import io.lazystate.backend.Coverage.Event;
import io.lazystate.backend.StateModel.Row;
import io.lazystate.metrics.CheckpointMetrics;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.apache.flink.api.common.state.StateDescriptor;
import org.apache.flink.state.rocksdb.RocksDBKeyedStateBackend;

/**
 * One subtask and what it must hold: random accesses to its states, each compared with the model.
 *
 * <p>Closing it disposes the backend.
 */
final class FuzzSubtask implements AutoCloseable {
    static final List<Long> NAMESPACES = List.of(0L, -3L);

    final TestTask task;
    final StateModel model;
    private final FuzzScope scope;
    private final StateCheck check;
    private final RowSteps rows;
    private final MapSteps maps;
    private final TimerSteps timers;
    private final KeySteps keys;
    private final StepLog log;
    private final boolean hydratesItself;
    private final FuzzSchema schema;
    private StepwiseHydrator hydrator;

    /**
     * @param start what the task was started with
     * @param model starts as what was restored, and is changed with the states
     * @param schema what the job's code knows of the states
     * @param allKeys of the job
     */
    FuzzSubtask(
            TestTask.Start start,
            TestTask task,
            StateModel model,
            FuzzSchema schema,
            List<Long> allKeys,
            Random random,
            Coverage coverage,
            StepLog log)
            throws Exception {
        this.hydratesItself = start.config().get(LazyStateOptions.HYDRATION_ENABLED);
        this.task = task;
        this.model = model;
        this.log = log;
        List<Row> own = new ArrayList<>();
        for (long key : allKeys) {
            if (start.keyGroups().contains(model.keyGroup(key))) {
                NAMESPACES.forEach(namespace -> own.add(new Row(key, namespace)));
            }
        }
        FuzzStates states = new FuzzStates(task, schema);
        this.check = new StateCheck(task, states, model);
        this.scope = new FuzzScope(task, states, model, check, own, random, coverage);
        this.rows = new RowSteps(scope);
        this.maps = new MapSteps(scope);
        this.timers = new TimerSteps(scope);
        this.keys = new KeySteps(scope);
        this.schema = schema;
        if (schema.has("values")) {
            register();
        }
    }

    /**
     * Values are registered when the job starts, so that all subtasks have them in one version: a
     * rescale may put their rows together. Flink migrates them then.
     */
    private void register() throws Exception {
        boolean cold =
                task.database().coldExtents().stream()
                        .anyMatch(extent -> extent.state().equals("values"));
        scope.states().register(scope.states().values(), NAMESPACES.get(0));
        scope.coverage()
                .hitIf(cold && schema.version() > model.valuesVersion, Event.MIGRATION_OVER_COLD);
        model.valuesVersion = schema.version();
    }

    /** Whether the job's code leaves rows alone that the subtask holds. */
    boolean leavesOut() {
        return schema.leavesOut(model);
    }

    /** Links extents on demand; null if the backend does so by itself. */
    StepwiseHydrator hydrator(Path directory) {
        if (hydrator == null && !hydratesItself) {
            hydrator = new StepwiseHydrator(task, directory);
        }
        return hydrator;
    }

    void checkAll() throws Exception {
        check.all(scope.rows());
        timers.check();
    }

    /** Takes all timers out: each comes, in the order of their timestamps. */
    void drainTimers() {
        timers.drain();
    }

    /** One random access. */
    void step() throws Exception {
        if (scope.rows().isEmpty()) {
            return;
        }
        Row row = scope.anyRow();
        int kind = scope.random().nextInt(100);
        log.note("access " + kind + " at " + row.key() + "/" + row.namespace());
        switch (kind / 5) {
            case 0, 1, 2 -> with("values", () -> rows.changeValue(row));
            case 3, 4 -> with("sums", () -> rows.changeSum(row));
            case 5, 6, 7 -> with("lists", () -> rows.changeList(row));
            case 8, 9, 10 -> with("maps", () -> maps.change(row));
            case 11 -> with("maps", () -> maps.putAll(row));
            case 12 -> with("maps", () -> maps.iterate(row));
            case 13, 14, 15 -> with("timers", () -> timers.change(row));
            case 16 -> with("sums", () -> with("lists", () -> rows.mergeNamespaces(row)));
            case 17 -> with("values", () -> keys.changeAll(row.namespace()));
            case 18 -> {
                if (!scope.states().all().isEmpty()) {
                    keys.read();
                }
            }
            default -> seldomStep(kind % 5, row);
        }
    }

    private interface Step {
        void take() throws Exception;
    }

    private void with(String state, Step step) throws Exception {
        if (schema.has(state)) {
            step.take();
        }
    }

    private void seldomStep(int kind, Row row) throws Exception {
        switch (kind) {
            case 0 -> with("maps", () -> maps.putOrClearMany(row));
            case 1 -> compact();
            case 2 -> readOften(row);
            default -> check.row(row);
        }
    }

    /** A state that rows can be taken out of. */
    String anyState() {
        return List.of("values", "lists", "sums").get(scope.random().nextInt(3));
    }

    /** Takes nearly all rows of one state out. */
    void removeMany(String state) throws Exception {
        for (Row row : scope.rows()) {
            if (scope.random().nextInt(30) > 0) {
                with(state, () -> rows.clear(state, row));
            }
        }
    }

    /** Makes a row one that comes along with the next restore. */
    private void readOften(Row row) throws Exception {
        for (int i = 0; i < 50; i++) {
            check.row(row);
        }
    }

    /** Lets RocksDB merge its files, and drop the removals that hide nothing any more. */
    private void compact() throws Exception {
        RocksDBKeyedStateBackend<?> backend = (RocksDBKeyedStateBackend<?>) task.backend();
        for (StateDescriptor<?, ?> descriptor : scope.states().all()) {
            scope.states().register(descriptor, NAMESPACES.get(0));
            backend.compactState(descriptor);
        }
    }

    /** Gives states rows, so that they have extents to be cold; some states stay empty. */
    void fill() throws Exception {
        boolean noSums = scope.random().nextInt(4) == 0;
        boolean noMaps = scope.random().nextInt(4) == 0 || !schema.has("maps");
        for (Row row : scope.rows()) {
            if (scope.random().nextInt(3) > 0) {
                with("values", () -> rows.putValue(row));
                with("lists", () -> rows.append(row, scope.strings(2)));
                with("timers", () -> timers.add(row));
                if (!noSums) {
                    with("sums", () -> rows.add(row, 7));
                }
            }
            if (!noMaps && scope.random().nextInt(4) == 0) {
                maps.putAll(row);
            }
        }
    }

    @Override
    public void close() {
        CheckpointMetrics written = task.written();
        scope.coverage().hitIf(written.checkpointRunsMerged().sum() > 0, Event.RUNS_MERGED);
        scope.coverage().hitIf(written.checkpointExtentsFolded().sum() > 0, Event.EXTENTS_FOLDED);
        scope.coverage().hitIf(task.metrics().hotReads().sum() > 0, Event.HOT_ROWS_READ);
        scope.coverage().hitIf(task.metrics().edgeHits().sum() > 0, Event.EDGE_CACHE_HIT);
        try {
            keys.close();
        } finally {
            task.close();
        }
    }
}
