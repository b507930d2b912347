/** What the backend counts about its loading, by Flink metric name. */
@NullMarked
package io.lazystate.metrics;

import org.jspecify.annotations.NullMarked;
