package io.lazystate.paging;

import static java.nio.charset.StandardCharsets.UTF_8;

import io.lazystate.run.Run;
import io.lazystate.run.RunFormat;
import io.lazystate.run.RunWriter;
import io.lazystate.run.WrittenRun;
import io.lazystate.store.StoredObject;
import java.io.ByteArrayOutputStream;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Function;
import org.apache.flink.runtime.state.memory.ByteStreamStateHandle;

/** Runs in memory, each in an object of its own, of text keys in pages of one row. */
public final class HeapRuns {
    private final Path directory;

    /**
     * @param directory for files on their way
     */
    public HeapRuns(Path directory) {
        this.directory = directory;
    }

    /**
     * A run that puts some keys and removes others.
     *
     * @param version first word of the values
     * @param keys in order; one that begins with a minus sign is removed
     */
    public Run write(String name, String version, String... keys) throws Exception {
        try (RunWriter writer =
                new RunWriter(directory.resolve(name + ".sst"), RunFormat.ofPages(1))) {
            for (String key : keys) {
                if (key.startsWith("-")) {
                    writer.remove(bytes(key.substring(1)));
                } else {
                    writer.put(bytes(key), bytes(version + " " + key));
                }
            }
            try (WrittenRun run = writer.finish()) {
                ByteArrayOutputStream out = new ByteArrayOutputStream();
                run.writeTo(out);
                byte[] content = out.toByteArray();
                ByteStreamStateHandle handle = new ByteStreamStateHandle(name, content);
                return run.at(new StoredObject(name, content.length, handle), 0);
            }
        }
    }

    /** Runs of one key each, one behind the other in one object, with as many bytes between. */
    public List<Run> writeTogether(String name, int gapBytes, String... keys) throws Exception {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        List<Function<StoredObject, Run>> runs = new ArrayList<>();
        for (String key : keys) {
            try (RunWriter writer =
                    new RunWriter(directory.resolve(name + ".sst"), RunFormat.ofPages(1))) {
                writer.put(bytes(key), bytes("value " + key));
                try (WrittenRun run = writer.finish()) {
                    int offset = out.size();
                    run.writeTo(out);
                    runs.add(object -> run.at(object, offset));
                }
            }
            out.write(new byte[gapBytes]);
        }
        byte[] content = out.toByteArray();
        ByteStreamStateHandle handle = new ByteStreamStateHandle(name, content);
        StoredObject object = new StoredObject(name, content.length, handle);
        return runs.stream().map(run -> run.apply(object)).toList();
    }

    /** The same run as a manifest without room for its page table describes it. */
    static Run withoutPageTable(Run run) {
        return new Run(run.object(), run.offset(), run.meta(), null);
    }

    public static byte[] bytes(String text) {
        return text.getBytes(UTF_8);
    }
}
