package io.lazystate.backend;

import static org.assertj.core.api.Assertions.assertThat;

import io.lazystate.manifest.Extent;
import io.lazystate.run.PageTable;
import io.lazystate.run.Run;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;
import org.apache.flink.api.common.state.ListState;
import org.apache.flink.api.common.state.ListStateDescriptor;
import org.apache.flink.api.common.state.MapState;
import org.apache.flink.api.common.state.MapStateDescriptor;
import org.apache.flink.api.common.state.ValueState;
import org.apache.flink.api.common.state.ValueStateDescriptor;
import org.apache.flink.api.common.typeutils.base.BooleanSerializer;
import org.apache.flink.api.common.typeutils.base.IntSerializer;
import org.apache.flink.api.common.typeutils.base.LongSerializer;
import org.apache.flink.api.common.typeutils.base.StringSerializer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The suites in mode LAZY run over one block a page and at most four pages an extent. */
class SuiteShapeTest {
    private static final int KEYS = 300;
    private static final int MAX_PAGES = 4;

    @TempDir Path checkpoints;

    @Test
    void oneBlockAPageAndAtMostFourPagesAnExtent() throws Exception {
        TestTask.Start start = new TestTask.Start(checkpoints, SuiteMode.LAZY.config());
        WrittenCheckpoint checkpoint;
        try (TestTask task = TestTask.start(start)) {
            writeRowsOfManySizes(task);
            checkpoint = new WrittenCheckpoint(task.checkpoint(1, new TestJobManager()));
        }
        List<Integer> pages = new ArrayList<>();
        for (String state : checkpoint.manifest().states().keySet()) {
            for (Extent extent : checkpoint.extents(state)) {
                PageTable table = pageTable(extent.base());
                pages.add(table.pages());
                assertThat(IntStream.range(0, table.pages()))
                        .as("blocks of each page, state " + state)
                        .allSatisfy(i -> assertThat(table.page(i).blockLengths()).hasSize(1));
            }
        }
        assertThat(pages).as("extents").hasSizeGreaterThan(KEYS);
        assertThat(pages).allSatisfy(count -> assertThat(count).isLessThanOrEqualTo(MAX_PAGES));
        assertThat(pages).as("several pages an extent").contains(1, 2, 3);
    }

    private static void writeRowsOfManySizes(TestTask task) throws Exception {
        ValueState<Boolean> tiny =
                task.state(new ValueStateDescriptor<>("tiny", BooleanSerializer.INSTANCE));
        ValueState<String> text =
                task.state(new ValueStateDescriptor<>("text", StringSerializer.INSTANCE));
        ListState<Long> list =
                task.state(new ListStateDescriptor<>("list", LongSerializer.INSTANCE));
        MapState<Integer, Boolean> map =
                task.state(
                        new MapStateDescriptor<>(
                                "map", IntSerializer.INSTANCE, BooleanSerializer.INSTANCE));
        var timers = task.timers("timers");
        for (long key = 0; key < KEYS; key++) {
            task.key(key);
            tiny.update(true);
            text.update("x".repeat((int) key));
            for (int i = 0; i < key % 5; i++) {
                list.add(key);
                map.put(i, false);
            }
            timers.add(TestTask.timer(key, key));
        }
    }

    private static PageTable pageTable(Run run) {
        PageTable table = run.pageTable();
        assertThat(table).as("small enough to be in the manifest").isNotNull();
        return table;
    }
}
