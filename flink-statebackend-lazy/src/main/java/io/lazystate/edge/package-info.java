/**
 * A cache on the local disk for what was read from the store, shared by the tasks of a TaskManager.
 *
 * <p>Directory: {@code <dir>/slot-<0..7>/} belongs to one process at a time, which holds a lock on
 * its file {@code lock}. In it, {@code <xx>/<file>-<offset>-<length>.<page|bulk>} has exactly the
 * bytes {@code [offset, offset + length)} of a file of the store, whose path has the hash {@code
 * file} (128 bits of SHA-256, hex, beginning with {@code xx}); offset and length are hex. Names
 * that end in {@code .tmp} are leftovers of a crash. Nothing in it is believed: whoever asked for
 * bytes checks them, and what fails is dropped.
 */
@NullMarked
package io.lazystate.edge;

import org.jspecify.annotations.NullMarked;
