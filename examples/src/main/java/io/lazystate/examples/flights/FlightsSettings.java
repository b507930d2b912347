package io.lazystate.examples.flights;

import java.io.Serializable;
import java.time.Duration;

/**
 * The numbers of the main job.
 *
 * @param copies how many keys each airport and each route becomes, at least 1
 * @param payloadBytes bytes kept for each copy of a flight
 * @param outOfOrder how far the watermark stays behind the newest flight
 * @param windowSize length of the sliding windows
 * @param windowSlide distance between their starts
 * @param allowedLateness how long after its end a sliding window still takes flights
 * @param sessionGap silence on a route that ends its session
 * @param alarmMean mean delay of an airport's hour, in minutes, that raises an alarm
 * @param alarmSingle delay of one flight, in minutes, that raises an alarm at once
 */
public record FlightsSettings(
        int copies,
        int payloadBytes,
        Duration outOfOrder,
        Duration windowSize,
        Duration windowSlide,
        Duration allowedLateness,
        Duration sessionGap,
        int alarmMean,
        int alarmSingle)
        implements Serializable {

    /** The given amplification and the usual times. */
    public static FlightsSettings amplified(int copies, int payloadBytes) {
        return new FlightsSettings(
                copies,
                payloadBytes,
                Duration.ofMinutes(60),
                Duration.ofHours(2),
                Duration.ofHours(1),
                Duration.ofMinutes(15),
                Duration.ofHours(4),
                20,
                120);
    }
}
