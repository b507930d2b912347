/**
 * Ranged reads of immutable objects of the checkpoint store.
 *
 * <p>A leaf: it knows Flink's stream handles and nothing of runs, manifests or RocksDB. Every byte
 * that the backend fetches passes {@link io.lazystate.store.RangedReader}, so requests are counted,
 * retried and made to fail in one place. The usual stack, outermost first: {@code RetryingReader},
 * {@code CountingReader}, {@code StateHandleReader}; in that order a retry counts as a request.
 */
@NullMarked
package io.lazystate.store;

import org.jspecify.annotations.NullMarked;
