package io.lazystate.examples.demo;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.apache.flink.util.FileUtils;

/**
 * Where one run keeps its files.
 *
 * @param root of them all
 */
record ClusterFolders(Path root) {
    private static final String TASK_MANAGER_PREFIX = "tm_";

    /** The folder behind the emulated store. */
    Path store() {
        return root.resolve("store");
    }

    /** Flink's {@code process.working-dir}. */
    Path work() {
        return root.resolve("work");
    }

    /** Flink's {@code io.tmp.dirs}. */
    Path temporary() {
        return root.resolve("tmp");
    }

    void create() throws IOException {
        for (Path folder : List.of(store(), work(), temporary())) {
            Files.createDirectories(folder);
        }
    }

    /** Removes whatever a TaskManager that is gone left behind on its disk. */
    void wipeLocal() throws IOException {
        if (Files.isDirectory(work())) {
            try (Stream<Path> entries = Files.list(work())) {
                List<Path> left = entries.filter(ClusterFolders::belongsToTaskManager).toList();
                for (Path folder : left) {
                    FileUtils.deleteFileOrDirectory(folder.toFile());
                }
            }
        }
        FileUtils.cleanDirectory(temporary().toFile());
    }

    void delete() throws IOException {
        FileUtils.deleteFileOrDirectory(root.toFile());
    }

    /** As far as possible: others may still be writing. Nothing happens if they are gone. */
    void deleteQuietly() {
        FileUtils.deleteDirectoryQuietly(root.toFile());
    }

    private static boolean belongsToTaskManager(Path folder) {
        return String.valueOf(folder.getFileName()).startsWith(TASK_MANAGER_PREFIX);
    }
}
