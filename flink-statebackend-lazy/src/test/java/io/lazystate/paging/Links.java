package io.lazystate.paging;

import io.lazystate.loading.LinkTarget;
import io.lazystate.loading.LinkTarget.Linkable;
import java.util.List;

/** Links what a test has fetched by itself. */
final class Links {
    private Links() {}

    /** As a hydrator that pinned the extents just now. */
    static void link(PagedRocksDB db, List<Linkable> fetched) {
        try (LinkTarget.Pin pin =
                db.linker().pin(fetched.stream().map(Linkable::extent).toList())) {
            pin.link(fetched);
        }
    }
}
