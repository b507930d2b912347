/**
 * What stays in the local database when the disk is smaller than the state: a budget that all keyed
 * operators of a TaskManager share, and who leaves when it is used up.
 */
@NullMarked
package io.lazystate.tiers;

import org.jspecify.annotations.NullMarked;
