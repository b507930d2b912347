package io.lazystate.loading;

import io.lazystate.run.Run;
import org.apache.flink.annotation.Internal;

/** One page of one run: what a cold read asks for. Runs compare by identity. */
@Internal
public record PageId(Run run, int page) {}
