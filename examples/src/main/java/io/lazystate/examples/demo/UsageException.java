package io.lazystate.examples.demo;

/** A bad option or input; the message says what is wrong, why and what to write instead. */
final class UsageException extends RuntimeException {
    private static final long serialVersionUID = 1;

    UsageException(String message) {
        super(message);
    }
}
