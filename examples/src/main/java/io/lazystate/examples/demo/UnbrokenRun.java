package io.lazystate.examples.demo;

import java.io.IOException;
import java.nio.file.Path;
import org.apache.flink.configuration.Configuration;

/** The job without a failure, on another state backend: its results are the expected ones. */
final class UnbrokenRun {
    private UnbrokenRun() {}

    static ResultBook results(DemoOptions options, Plan plan, Path folder, Progress progress)
            throws DemoException, IOException {
        ClusterFolders folders = new ClusterFolders(folder);
        folders.create();
        Configuration settings =
                ClusterSettings.of(
                        options.referenceBackend(), options.loadingMode(), "unbroken", folders);
        int parallelism = options.parallelism();
        try (RunControl control = RunControl.open("unbroken");
                DemoCluster cluster = DemoCluster.start(settings, folders, parallelism)) {
            control.raiseTo(plan.flights() + 1);
            Run run = Run.submit(cluster, settings, plan, control, parallelism);
            run.awaitEnd(() -> progress.share("processing", control.position(), plan.flights()));
            progress.say("results: %s", control.results().sizes());
            return control.results();
        } finally {
            folders.delete();
        }
    }
}
