package io.lazystate.backend;

import java.util.List;
import java.util.TreeMap;
import org.apache.flink.runtime.state.FullSnapshotResources;
import org.apache.flink.runtime.state.KeyValueStateIterator;
import org.apache.flink.runtime.state.SavepointResources;
import org.apache.flink.runtime.state.metainfo.StateMetaInfoSnapshot;
import org.apache.flink.util.StringUtils;

/** The rows of a backend by state and key, as a canonical savepoint would have them. */
final class LogicalRows {
    private LogicalRows() {}

    /** Cold rows included. */
    static TreeMap<String, String> of(TestTask task) throws Exception {
        return of(task.backend().savepoint());
    }

    /** Reads the rows of the moment a savepoint was captured at, and releases it. */
    static TreeMap<String, String> of(SavepointResources<?> savepoint) throws Exception {
        TreeMap<String, String> rows = new TreeMap<>();
        FullSnapshotResources<?> captured = savepoint.getSnapshotResources();
        List<StateMetaInfoSnapshot> states = captured.getMetaInfoSnapshots();
        try (KeyValueStateIterator iterator = captured.createKVStateIterator()) {
            for (; iterator.isValid(); iterator.next()) {
                String state = states.get(iterator.kvStateId()).getName();
                rows.put(
                        state + " " + StringUtils.byteToHexString(iterator.key()),
                        StringUtils.byteToHexString(iterator.value()));
            }
        } finally {
            captured.release();
        }
        return rows;
    }
}
