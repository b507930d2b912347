package io.lazystate.error;

import org.apache.flink.annotation.PublicEvolving;

/** What the caller does about an error. */
@PublicEvolving
public enum Kind {
    /** Retry: the store did not answer, and a later attempt or another replica may. */
    UNAVAILABLE,
    /** Stop, and name the object: its bytes are not what was written. */
    CORRUPT,
    /** Fix the serializer or the schema: the bytes are sound, but not of the expected kind. */
    INCOMPATIBLE,
    /** Fix the configuration or the arguments: no retry can help. */
    INVALID,
    /** Drop the handle: its owner was closed or cancelled. */
    CLOSED,
    /** Delete nothing: a write or commit may or may not have happened. */
    UNKNOWN_OUTCOME,
    /** Report it: a bug of ours. */
    INTERNAL
}
