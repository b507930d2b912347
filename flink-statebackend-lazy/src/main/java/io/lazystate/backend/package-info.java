/**
 * The door: the state backend that a configuration names, its options, and the one place that wires
 * objects together.
 */
@NullMarked
package io.lazystate.backend;

import org.jspecify.annotations.NullMarked;
