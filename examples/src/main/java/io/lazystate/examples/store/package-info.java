/**
 * An emulated object store over local directories, as a Flink file system with the scheme {@code
 * slow}.
 *
 * <p>{@code slow://name/path} is the local file {@code /path}, read with the latency and speed that
 * were set for {@code name}, which also keeps its own counters. A read pays the latency once for
 * each request - the first read after opening, and after each seek that is not a short step forward
 * - and then flows no faster than one connection's speed. Writes, listings and deletions are as
 * fast as the local disk.
 */
@NullMarked
package io.lazystate.examples.store;

import org.jspecify.annotations.NullMarked;
