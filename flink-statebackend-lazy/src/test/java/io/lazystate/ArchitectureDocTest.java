package io.lazystate;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/** ARCHITECTURE.md sends newcomers to classes that exist, and names every package. */
class ArchitectureDocTest {
    private static final Path MODULE = Path.of("").toAbsolutePath();
    private static final Path SOURCES = MODULE.resolve("src/main/java/io/lazystate");

    @Test
    void startsReadingAtClassesThatExist() throws IOException {
        String doc = Files.readString(MODULE.resolveSibling("ARCHITECTURE.md"));
        String start = doc.substring(doc.indexOf("## Start reading here"));
        Matcher names = Pattern.compile("(?m)^\\d\\. `(\\w+)`").matcher(start);
        List<String> found = new ArrayList<>();
        while (names.find()) {
            found.add(names.group(1));
        }
        assertThat(found).hasSize(5).allMatch(ArchitectureDocTest::exists);
    }

    @Test
    void namesEveryPackage() throws IOException {
        String doc = Files.readString(MODULE.resolveSibling("ARCHITECTURE.md"));
        try (Stream<Path> packages = Files.list(SOURCES)) {
            assertThat(packages.map(p -> "`" + p.getFileName() + "`")).allMatch(doc::contains);
        }
    }

    private static boolean exists(String name) {
        try (Stream<Path> files = Files.walk(SOURCES)) {
            return files.anyMatch(file -> file.endsWith(name + ".java"));
        } catch (IOException e) {
            return false;
        }
    }
}
