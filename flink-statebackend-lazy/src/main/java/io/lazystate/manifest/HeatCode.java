package io.lazystate.manifest;

import org.apache.flink.annotation.Internal;

/**
 * How much an extent is read, as one byte: 255 is the hottest of a checkpoint, each {@value
 * #STEPS_A_HALF} less is half as much, 0 is next to nothing.
 */
@Internal
public final class HeatCode {
    /** That of the hottest extent. */
    public static final int HOTTEST = 255;

    private static final int STEPS_A_HALF = 8;

    private HeatCode() {}

    /**
     * The code of a heat.
     *
     * @param heat 0 or more, in whatever unit
     * @param hottest the greatest of all, in the same unit
     */
    public static int of(double heat, double hottest) {
        if (!(heat > 0)) {
            return 0;
        }
        double halves = Math.log(hottest / heat) / Math.log(2);
        return (int) Math.max(0, HOTTEST - Math.round(STEPS_A_HALF * halves));
    }

    /** The heat that a code stands for, as a part of the hottest: 0 to 1. */
    public static double share(int code) {
        return code == 0 ? 0 : Math.pow(2, (code - HOTTEST) / (double) STEPS_A_HALF);
    }
}
