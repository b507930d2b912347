package io.lazystate.examples.parquet;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * A struct in Thrift's compact protocol, as fields by number.
 *
 * <p>Shape: numbers are Long, booleans Boolean, binaries and strings byte[], lists List, structs
 * ThriftStruct. Maps and sets do not occur in Parquet's metadata.
 */
final class ThriftStruct {
    private static final int BOOLEAN_TRUE = 1;
    private static final int BOOLEAN_FALSE = 2;
    private static final int DOUBLE = 7;
    private static final int BINARY = 8;
    private static final int LIST = 9;
    private static final int STRUCT = 12;

    private final Map<Integer, Object> fields = new HashMap<>();

    private ThriftStruct() {}

    /** Reads one struct and leaves the buffer behind it. */
    static ThriftStruct read(ByteBuffer in) {
        ThriftStruct struct = new ThriftStruct();
        int number = 0;
        for (int header = in.get() & 0xff; header != 0; header = in.get() & 0xff) {
            int delta = header >>> 4;
            number = delta == 0 ? (int) zigzag(in) : number + delta;
            int type = header & 0x0f;
            if (type == BOOLEAN_TRUE || type == BOOLEAN_FALSE) {
                struct.fields.put(number, type == BOOLEAN_TRUE);
            } else {
                struct.fields.put(number, value(type, in));
            }
        }
        return struct;
    }

    boolean has(int field) {
        return fields.containsKey(field);
    }

    long number(int field) {
        return (Long) value(field);
    }

    long number(int field, long otherwise) {
        return has(field) ? number(field) : otherwise;
    }

    boolean flag(int field, boolean otherwise) {
        return has(field) ? (Boolean) value(field) : otherwise;
    }

    String string(int field) {
        return new String((byte[]) value(field), StandardCharsets.UTF_8);
    }

    ThriftStruct struct(int field) {
        return (ThriftStruct) value(field);
    }

    List<ThriftStruct> structs(int field) {
        List<ThriftStruct> structs = new ArrayList<>();
        for (Object element : (List<?>) value(field)) {
            structs.add((ThriftStruct) element);
        }
        return structs;
    }

    List<String> strings(int field) {
        List<String> strings = new ArrayList<>();
        for (Object element : (List<?>) value(field)) {
            strings.add(new String((byte[]) element, StandardCharsets.UTF_8));
        }
        return strings;
    }

    private Object value(int field) {
        @Nullable Object value = fields.get(field);
        if (value == null) {
            throw new IllegalArgumentException("Parquet metadata lacks field " + field);
        }
        return value;
    }

    private static Object value(int type, ByteBuffer in) {
        return switch (type) {
            // Inside a list a boolean takes a byte of its own.
            case BOOLEAN_TRUE, BOOLEAN_FALSE -> in.get() == BOOLEAN_TRUE;
            case 3 -> (long) in.get();
            case 4, 5, 6 -> zigzag(in);
            case DOUBLE -> in.getDouble();
            case BINARY -> {
                byte[] bytes = new byte[(int) varint(in)];
                in.get(bytes);
                yield bytes;
            }
            case LIST -> list(in);
            case STRUCT -> read(in);
            default ->
                    throw new IllegalArgumentException(
                            "Parquet metadata holds a value of unknown Thrift type " + type);
        };
    }

    private static List<Object> list(ByteBuffer in) {
        int header = in.get() & 0xff;
        int size = header >>> 4;
        if (size == 15) {
            size = (int) varint(in);
        }
        List<Object> elements = new ArrayList<>();
        for (int i = 0; i < size; i++) {
            elements.add(value(header & 0x0f, in));
        }
        return elements;
    }

    private static long zigzag(ByteBuffer in) {
        long bits = varint(in);
        return bits >>> 1 ^ -(bits & 1);
    }

    static long varint(ByteBuffer in) {
        long bits = 0;
        for (int shift = 0; shift < Long.SIZE; shift += 7) {
            byte next = in.get();
            bits |= (next & 0x7fL) << shift;
            if (next >= 0) {
                return bits;
            }
        }
        throw new IllegalArgumentException("Parquet metadata holds a number of over 64 bits");
    }
}
