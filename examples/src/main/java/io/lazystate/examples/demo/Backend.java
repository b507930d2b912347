package io.lazystate.examples.demo;

import java.util.Locale;
import java.util.Optional;

/** A state backend that the demo measures. */
enum Backend {
    /** Flink's own, with incremental checkpoints: it downloads all state before it runs. */
    ROCKSDB("rocksdb"),
    /** Ours. */
    LAZY("io.lazystate.backend.LazyStateBackendFactory");

    private final String type;

    Backend(String type) {
        this.type = type;
    }

    /** The value of {@code state.backend.type}. */
    String type() {
        return type;
    }

    /** Its name on the command line, in the table and in the JSON. */
    String label() {
        return name().toLowerCase(Locale.ROOT);
    }

    static Optional<Backend> of(String label) {
        for (Backend backend : values()) {
            if (backend.label().equals(label)) {
                return Optional.of(backend);
            }
        }
        return Optional.empty();
    }

    /**
     * Checks that its classes are there.
     *
     * @throws UsageException if not
     */
    void check() {
        if (this == LAZY) {
            try {
                Class.forName(type, false, Backend.class.getClassLoader());
            } catch (ClassNotFoundException e) {
                throw new UsageException(
                        "--backends lazy needs "
                                + type
                                + ", which is not on the class path; build the whole project, or"
                                + " write --backends rocksdb");
            }
        }
    }
}
