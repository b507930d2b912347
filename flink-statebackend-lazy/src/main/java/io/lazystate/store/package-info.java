/**
 * Ranged reads of immutable objects of the checkpoint store.
 *
 * <p>A leaf: it knows Flink's stream handles and nothing of runs, manifests or RocksDB. Every byte
 * that the backend fetches passes {@link io.lazystate.store.RangedReader}, so requests are counted,
 * retried and made to fail in one place. {@code SchemeRouter} tells objects of S3 from others: the
 * first go to {@code S3Reader}, which retries by itself, part by part; the others to {@code
 * RetryingReader} over {@code StateHandleReader}. Only classes named S3 know the AWS SDK, and none
 * of them shows it.
 */
@NullMarked
package io.lazystate.store;

import org.jspecify.annotations.NullMarked;
