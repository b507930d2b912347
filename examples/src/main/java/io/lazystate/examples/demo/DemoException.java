package io.lazystate.examples.demo;

import org.jspecify.annotations.Nullable;

/** The demo cannot go on; the message says at which step. */
final class DemoException extends Exception {
    private static final long serialVersionUID = 1;

    DemoException(String message, @Nullable Throwable cause) {
        super(message, cause);
    }
}
