package io.lazystate.paging;

import org.jspecify.annotations.Nullable;

/** What Flink's merge operator does with a list's elements: joins their bytes with a delimiter. */
final class StringAppend {
    private static final byte DELIMITER = ',';

    private StringAppend() {}

    static byte[] append(byte @Nullable [] value, byte[] operand) {
        if (value == null) {
            return operand;
        }
        byte[] joined = new byte[value.length + 1 + operand.length];
        System.arraycopy(value, 0, joined, 0, value.length);
        joined[value.length] = DELIMITER;
        System.arraycopy(operand, 0, joined, value.length + 1, operand.length);
        return joined;
    }
}
