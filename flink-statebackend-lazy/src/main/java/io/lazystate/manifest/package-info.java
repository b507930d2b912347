/**
 * Which page lives where: what one subtask's checkpoint needs to be restored.
 *
 * <p>Numbers, varints and keys are written as in {@link io.lazystate.run}; a string is a varint
 * count of UTF-8 bytes, and those.
 *
 * <h2>All versions</h2>
 *
 * <pre>
 * 4 bytes      LZST
 * u16          version
 * body
 * u32          CRC32C of all bytes before it
 * </pre>
 *
 * <h2>Body of version 1</h2>
 *
 * <pre>
 * varint       first key group
 * varint       last key group, inclusive
 * u8           bytes of the key group in a key
 * varint       bytes of state metadata, and those: Flink's key serializer and state meta information
 *
 * varint       objects; for each:
 *   string     name, unique
 *   varint     length
 *
 * varint       runs; for each:
 *   varint     index of its object
 *   varint     offset of its first byte in the object
 *   varint     table: bytes
 *   u32        table: CRC32C
 *   varint     rows
 *   key        first key (after the last key of the run before)
 *   key        last key (after the first key)
 *   varint     page table: pages
 *   varint     page table: bytes
 *   u32        page table: CRC32C
 *   varint     filter: bytes
 *   u32        filter: CRC32C
 *   varint     bytes of the inlined page table, 0 if it is not inlined; and those
 *
 * varint       states; for each:
 *   string     name
 *   varint     extents, in key order, at least 1; for each:
 *     varint   0: no base; else index of the base run, plus 1
 *     key      lower bound (after the base's first key; without base, after the lower bound before)
 *     varint   deltas, oldest first; for each:
 *       varint index of its run
 * </pre>
 *
 * <h2>Body of version 2</h2>
 *
 * <pre>
 * body of version 1
 * varint       0: no hot rows; else index of their run, plus 1
 * </pre>
 *
 * <p>The run of hot rows is like any other. It is not read any more: every row lies in another run
 * too.
 *
 * <h2>Body of version 3</h2>
 *
 * <pre>
 * body of version 2
 * states, in the order above; for each:
 *   extents, in key order; for each:
 *     u8       heat, as in {@link io.lazystate.manifest.HeatCode}
 * </pre>
 *
 * <h2>Body of version 4</h2>
 *
 * <pre>
 * body of version 1
 * heat of the extents, as in version 3
 * states, in the order above; for each:
 *   varint     bytes of its block of hot rows, 0 if it has none; and those, as in {@link
 *              io.lazystate.run}
 * </pre>
 *
 * <h2>Body of version 5</h2>
 *
 * <p>As that of version 4. From here on, blocks of hot rows, and of the runs that are written, have
 * another checksum ({@link io.lazystate.run}), which earlier releases take for damage.
 *
 * <h2>Of all bodies</h2>
 *
 * <p>The first extent's lower bound is empty; an extent ends where the next one begins, and the
 * last one at the end of the key space. Objects and runs are numbered from 0 in order of first use,
 * and occur once however many extents share them.
 */
@NullMarked
package io.lazystate.manifest;

import org.jspecify.annotations.NullMarked;
