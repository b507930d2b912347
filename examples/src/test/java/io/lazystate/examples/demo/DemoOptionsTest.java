package io.lazystate.examples.demo;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.lazystate.examples.store.StoreProfile;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class DemoOptionsTest {
    @TempDir private Path folder;

    @Test
    void defaultsAreThoseOfTheHelp() {
        DemoOptions options = DemoOptions.parse();
        assertThat(options.backends()).containsExactly(Backend.ROCKSDB, Backend.LAZY);
        assertThat(options.stateBytes()).isEqualTo(200_000_000);
        assertThat(options.store()).isEqualTo(new StoreProfile(30, 90_000_000));
        assertThat(options.parallelism()).isEqualTo(2);
        assertThat(options.rate()).isEqualTo(2_000);
        assertThat(options.loadingMode()).isEqualTo("HYBRID");
        assertThat(options.residentTimeout()).isEqualTo(Duration.ofSeconds(60));
        assertThat(options.referenceBackend()).isEqualTo("hashmap");
        assertThat(options.warmUp()).isTrue();
        assertThat(options.json()).isEmpty();
        assertThat(options.file().path()).isEmpty();
        assertThat(options.file().limit()).isEqualTo(Integer.MAX_VALUE);
    }

    @Test
    void valuesComeWithASpaceOrAnEqualsSign() {
        DemoOptions options =
                DemoOptions.parse(
                        "--state-mb", "500", "--backends=lazy,rocksdb,lazy", "--loading-mode=lazy");
        assertThat(options.stateBytes()).isEqualTo(500_000_000);
        assertThat(options.backends()).containsExactly(Backend.LAZY, Backend.ROCKSDB);
        assertThat(options.loadingMode()).isEqualTo("LAZY");
        assertThat(options.referenceBackend()).as("too big for the heap").isEqualTo("rocksdb");
    }

    @ParameterizedTest
    @CsvSource({
        "--state, '--state' is no option",
        "--state-mb, --state-mb lacks its value",
        "--json=, --json lacks its value",
        "--parallelism=129, --parallelism must be a whole number from 1 to 128",
        "--state-mb=much, --state-mb must be a whole number from 1",
        "--state-mb=0, --state-mb must be a whole number from 1",
        "--latency-ms=-1, --latency-ms must be a whole number from 0",
        "--backends=forst, --backends knows rocksdb and lazy",
        "--loading-mode=FAST, --loading-mode must be one of",
        "--reference=forst, --reference must be one of",
        "--warm-up=maybe, --warm-up must be one of",
        "--flights=10, --flights must be a whole number from 100",
        "--input=nowhere.csv, is not a file that can be read"
    })
    void badOptionsAreRefusedWithTheirName(String argument, String message) {
        assertThatThrownBy(() -> DemoOptions.parse(argument))
                .isInstanceOf(UsageException.class)
                .hasMessageContaining(message);
    }

    @Test
    void theHelpTellsEveryOption() {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        assertThat(run(out, "--rate", "1", "--help")).isZero();
        String help = out.toString(StandardCharsets.UTF_8);
        for (Option option : Option.values()) {
            assertThat(help).contains("  " + option.flag() + " ", option.byDefault());
        }
    }

    @Test
    void theHelpIsThereUnderItsShortNameToo() {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        assertThat(run(out, "-h")).isZero();
        assertThat(out.toString(StandardCharsets.UTF_8)).startsWith("Usage: ");
    }

    @Test
    void figuresThatCouldNotBeWrittenAreRefusedBeforeTheyAreMeasured() throws IOException {
        assertThat(DemoOptions.parse("--json", folder.resolve("new.json").toString()).json())
                .contains(folder.resolve("new.json"));
        Path old = Files.createFile(folder.resolve("old.json"));
        assertThat(DemoOptions.parse("--json", old.toString()).json()).contains(old);

        for (Path bad : List.of(folder, folder.resolve("nowhere/new.json"), old.resolve("new"))) {
            assertThatThrownBy(() -> DemoOptions.parse("--json", bad.toString()))
                    .isInstanceOf(UsageException.class)
                    .hasMessageContaining("--json " + bad + " cannot be written");
        }
    }

    @Test
    void aWorkDirectoryThatCannotBeMadeEndsWithStatusTwo() throws IOException {
        Path file = Files.createFile(folder.resolve("file"));
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        assertThat(run(out, "--backends", "rocksdb", "--work-dir", file + "/work")).isEqualTo(2);
        assertThat(out.toString(StandardCharsets.UTF_8))
                .contains("--work-dir " + file + "/work cannot be used");
    }

    @Test
    void badInputEndsWithStatusTwoAndNamesTheLine() throws IOException {
        Path file = folder.resolve("flights.csv");
        Files.writeString(file, "date,delay,distance,origin,destination\nnonsense\n");
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        assertThat(run(out, "--backends", "rocksdb", "--input", file.toString())).isEqualTo(2);
        assertThat(out.toString(StandardCharsets.UTF_8)).contains("flights.csv line 2");

        out.reset();
        Files.writeString(file, "date,delay,distance,origin,destination\n");
        assertThat(run(out, "--backends", "rocksdb", "--input", file.toString())).isEqualTo(2);
        assertThat(out.toString(StandardCharsets.UTF_8)).contains("has only 0 flights");
    }

    private static int run(ByteArrayOutputStream out, String... arguments) {
        PrintStream both = new PrintStream(out, true, StandardCharsets.UTF_8);
        return Demo.run(both, both, arguments);
    }
}
