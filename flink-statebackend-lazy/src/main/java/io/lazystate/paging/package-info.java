/**
 * A RocksDB that pages: Flink's RocksDB backend runs on it unchanged while most rows are still in
 * the checkpoint store.
 *
 * <p>Resident extents are served by the state's own column family. A cold extent's content is the
 * overlay (rows written since, one column family for all states) over its delta runs, newest first,
 * over its base run (I1). Design: docs/design/0001-paging.md.
 */
@NullMarked
package io.lazystate.paging;

import org.jspecify.annotations.NullMarked;
