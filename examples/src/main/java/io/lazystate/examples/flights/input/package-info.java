/** Reads flights from files and puts them into their order of arrival. */
@NullMarked
package io.lazystate.examples.flights.input;

import org.jspecify.annotations.NullMarked;
