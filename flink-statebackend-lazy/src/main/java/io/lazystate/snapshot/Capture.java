package io.lazystate.snapshot;

import io.lazystate.manifest.Manifest;
import io.lazystate.paging.SnapshotView;
import java.util.Map;
import java.util.Set;

/**
 * What one checkpoint is to hold.
 *
 * @param view the states as they were captured
 * @param frame the manifest without its layouts
 * @param queues names of the timer queues, of which a restore reads the heads only: they get small
 *     pages, and their page tables a place in the manifest before all others
 * @param expiries of states with a time to live, by name
 * @param onlyBounds see {@link RewritePlan#of}
 */
record Capture(
        SnapshotView view,
        Manifest frame,
        Set<String> queues,
        Map<String, RowExpiry> expiries,
        boolean onlyBounds) {}
