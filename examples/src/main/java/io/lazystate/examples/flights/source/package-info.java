/** A source of flights in their order of arrival that can be stopped at a gate. */
@NullMarked
package io.lazystate.examples.flights.source;

import org.jspecify.annotations.NullMarked;
