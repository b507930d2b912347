/**
 * Brings pages and whole extents from the store to this machine, and decides in which order.
 *
 * <p>Knows runs and pages, not RocksDB: what is fetched whole is handed to a {@link
 * io.lazystate.loading.LinkTarget}, which the paging layer implements.
 */
@NullMarked
package io.lazystate.loading;

import org.jspecify.annotations.NullMarked;
