package io.lazystate.loading;

import io.lazystate.manifest.Extent;
import org.apache.flink.annotation.Internal;

/** An extent that can be hydrated: the state it belongs to, by name, and where its rows lie. */
@Internal
public record ColdExtent(String state, Extent extent) {}
