/**
 * A reader of flat Parquet files: just what the flight data needs, without Hadoop.
 *
 * <p>Understood: INT32, INT64 and BYTE_ARRAY columns that are required or optional without nulls;
 * PLAIN and dictionary encoding; data pages of version 1 and 2; no compression, or ZSTD. Anything
 * else is refused with its name.
 *
 * <p>Source: the Apache Parquet format specification.
 */
@NullMarked
package io.lazystate.examples.parquet;

import org.jspecify.annotations.NullMarked;
