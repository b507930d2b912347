package io.lazystate.paging;

import io.lazystate.loading.PageLoader;
import io.lazystate.metrics.LoadingMetrics;
import java.nio.file.Path;
import java.util.function.Consumer;
import org.apache.flink.annotation.Internal;
import org.apache.flink.util.ResourceGuard;
import org.rocksdb.ColumnFamilyOptions;

/**
 * What a {@link PagedRocksDB} works with.
 *
 * @param loader fetches pages
 * @param metrics counts what it does
 * @param guard is held while another thread works on the database, so that it is not closed then
 * @param directory for spilled change logs; exists
 * @param overlayOptions for the overlay's column family; closed with the database
 * @param failTask is told of the first access of the task that fails, whatever becomes of the error
 */
@Internal
public record PagingContext(
        PageLoader loader,
        LoadingMetrics metrics,
        ResourceGuard guard,
        Path directory,
        ColumnFamilyOptions overlayOptions,
        Consumer<Throwable> failTask) {

    /** Of a database whose only user hears of its errors without code of others in between. */
    public PagingContext(
            PageLoader loader,
            LoadingMetrics metrics,
            ResourceGuard guard,
            Path directory,
            ColumnFamilyOptions overlayOptions) {
        this(loader, metrics, guard, directory, overlayOptions, failure -> {});
    }
}
