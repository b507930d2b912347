package io.lazystate.paging;

import io.lazystate.loading.ColdExtent;
import io.lazystate.loading.LinkTarget;
import io.lazystate.loading.LinkTarget.Linkable;
import java.util.List;

/** Links what a test has fetched by itself. */
final class Links {
    private Links() {}

    /** As a hydrator that pinned the extents just now. */
    static void link(PagedRocksDB db, List<Linkable> fetched) {
        List<ColdExtent> extents = fetched.stream().map(Linkable::extent).toList();
        try (LinkTarget.Pin pin = db.linker().pin(extents::contains)) {
            pin.link(fetched);
        }
    }
}
