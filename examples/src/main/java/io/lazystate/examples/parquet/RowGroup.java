package io.lazystate.examples.parquet;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.function.Function;

/** One row group of a Parquet file, read a whole column at a time. */
public final class RowGroup {
    private static final int OPTIONAL = 1;
    private static final int INT32 = 1;
    private static final int INT64 = 2;
    private static final int BYTE_ARRAY = 6;
    private static final int TIMESTAMP = 8;
    private static final long MILLI_MICROS = 1_000;

    private final ParquetFile file;
    private final ThriftStruct group;

    RowGroup(ParquetFile file, ThriftStruct group) {
        this.file = file;
        this.group = group;
    }

    /** A timestamp column, in microseconds since the epoch. */
    public long[] timestampMicros(String column) throws IOException {
        ThriftStruct schema = file.schemaOf(column);
        ThriftStruct logical = schema.has(10) ? schema.struct(10) : null;
        if (logical == null || !logical.has(TIMESTAMP)) {
            throw file.refused(column, "is no timestamp with a logical type");
        }
        ThriftStruct unit = logical.struct(TIMESTAMP).struct(2);
        long[] values = integers(column);
        if (unit.has(1)) {
            for (int row = 0; row < values.length; row++) {
                values[row] *= MILLI_MICROS;
            }
        } else if (!unit.has(2)) {
            throw file.refused(column, "counts neither milliseconds nor microseconds");
        }
        return values;
    }

    /** A column of whole numbers. */
    public long[] integers(String column) throws IOException {
        ColumnPages pages = pages(column);
        int type = (int) file.schemaOf(column).number(1);
        if (type != INT32 && type != INT64) {
            throw file.refused(column, "is not made of whole numbers");
        }
        Function<ByteBuffer, Long> plain =
                type == INT32 ? in -> (long) in.getInt() : ByteBuffer::getLong;
        long[] values = new long[rows()];
        pages.forEach(plain, (row, value) -> values[row] = value);
        return values;
    }

    /** A column of strings. */
    public String[] strings(String column) throws IOException {
        ColumnPages pages = pages(column);
        if (file.schemaOf(column).number(1) != BYTE_ARRAY) {
            throw file.refused(column, "is not made of strings");
        }
        String[] values = new String[rows()];
        pages.forEach(RowGroup::string, (row, value) -> values[row] = value);
        return values;
    }

    private static String string(ByteBuffer in) {
        byte[] bytes = new byte[in.getInt()];
        in.get(bytes);
        return new String(bytes, StandardCharsets.UTF_8);
    }

    private int rows() {
        return Math.toIntExact(group.number(3));
    }

    private ColumnPages pages(String column) throws IOException {
        ThriftStruct schema = file.schemaOf(column);
        long repetition = schema.number(3, 0);
        if (repetition > OPTIONAL || schema.number(5, 0) > 0) {
            throw file.refused(column, "is repeated or nested");
        }
        for (ThriftStruct chunk : group.structs(1)) {
            ThriftStruct meta = chunk.struct(3);
            if (meta.strings(3).equals(List.of(column))) {
                return new ColumnPages(file, column, meta, repetition == OPTIONAL);
            }
        }
        throw file.refused(column, "has no data in a row group");
    }
}
