package io.lazystate.examples.flights;

/**
 * One result of the main job, in the form that its sinks take.
 *
 * <p>A later row of the same operator and id replaces an earlier one, so rows that are sent again
 * after a recovery do no harm.
 *
 * @param operator which part of the job it comes from, e.g. {@code window} or {@code late-window}
 * @param id what it is about: key and window, or key and flight
 * @param value the figures
 */
public record ResultRow(String operator, String id, String value) {}
