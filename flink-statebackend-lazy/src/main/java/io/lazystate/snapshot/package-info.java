/**
 * Checkpoints of a paged database: a short synchronous capture, then an asynchronous part that
 * writes delta runs, folds extents, writes the manifest, and hands Flink one handle.
 *
 * <p>Which files live how long: docs/design/0002-snapshots.md (I4, I5, I6, I11, I12).
 */
@NullMarked
package io.lazystate.snapshot;

import org.jspecify.annotations.NullMarked;
