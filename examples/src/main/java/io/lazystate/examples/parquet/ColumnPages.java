package io.lazystate.examples.parquet;

import io.airlift.compress.MalformedInputException;
import io.airlift.compress.zstd.ZstdDecompressor;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Function;

/** The pages of one column chunk, decompressed and decoded one after the other. */
final class ColumnPages {
    private static final int DATA_PAGE = 0;
    private static final int DICTIONARY_PAGE = 2;
    private static final int DATA_PAGE_V2 = 3;
    private static final int UNCOMPRESSED = 0;
    private static final int ZSTD = 6;
    private static final int PLAIN = 0;
    private static final int PLAIN_DICTIONARY = 2;
    private static final int RLE_DICTIONARY = 8;

    private final ParquetFile file;
    private final String column;
    private final ThriftStruct meta;
    private final boolean optional;

    ColumnPages(ParquetFile file, String column, ThriftStruct meta, boolean optional) {
        this.file = file;
        this.column = column;
        this.meta = meta;
        this.optional = optional;
    }

    /** Takes one value, by its row in the row group. */
    interface Values<T> {
        void take(int row, T value);
    }

    /**
     * Decodes every value of the column.
     *
     * @param plain reads one value in plain encoding
     */
    <T> void forEach(Function<ByteBuffer, T> plain, Values<T> values) throws IOException {
        long first = meta.number(9);
        long start = meta.has(11) ? Math.min(first, meta.number(11)) : first;
        ByteBuffer in = file.read(start, Math.toIntExact(meta.number(7)));
        List<T> dictionary = new ArrayList<>();
        int row = 0;
        while (row < meta.number(5)) {
            ThriftStruct header = ThriftStruct.read(in);
            int stored = (int) header.number(3);
            ByteBuffer page = in.slice(in.position(), stored).order(ByteOrder.LITTLE_ENDIAN);
            in.position(in.position() + stored);
            int raw = (int) header.number(2);
            switch ((int) header.number(1)) {
                case DICTIONARY_PAGE -> {
                    ByteBuffer entries = raw(page, raw);
                    for (long left = header.struct(7).number(1); left > 0; left--) {
                        dictionary.add(plain.apply(entries));
                    }
                }
                case DATA_PAGE -> {
                    ThriftStruct data = header.struct(5);
                    int count = (int) data.number(1);
                    ByteBuffer body = raw(page, raw);
                    if (optional) {
                        checkNoNulls(body.slice(Integer.BYTES, body.getInt(0)), count);
                        body.position(Integer.BYTES + body.getInt(0));
                    }
                    decode(body, (int) data.number(2), row, count, plain, dictionary, values);
                    row += count;
                }
                case DATA_PAGE_V2 -> {
                    ThriftStruct data = header.struct(8);
                    int count = (int) data.number(1);
                    if (data.number(2) > 0) {
                        throw file.refused(column, "has nulls");
                    }
                    int levels = (int) (data.number(5) + data.number(6));
                    ByteBuffer body = page.slice(levels, stored - levels);
                    body.order(ByteOrder.LITTLE_ENDIAN);
                    body = data.flag(7, true) ? raw(body, raw - levels) : body;
                    decode(body, (int) data.number(4), row, count, plain, dictionary, values);
                    row += count;
                }
                default -> {} // An index page.
            }
        }
    }

    private <T> void decode(
            ByteBuffer body,
            int encoding,
            int row,
            int count,
            Function<ByteBuffer, T> plain,
            List<T> dictionary,
            Values<T> values) {
        switch (encoding) {
            case PLAIN -> {
                for (int i = 0; i < count; i++) {
                    values.take(row + i, plain.apply(body));
                }
            }
            case PLAIN_DICTIONARY, RLE_DICTIONARY -> {
                HybridRuns numbers = new HybridRuns(body, body.get());
                for (int i = 0; i < count; i++) {
                    values.take(row + i, dictionary.get(numbers.next()));
                }
            }
            default -> throw file.refused(column, "has encoding " + encoding);
        }
    }

    private void checkNoNulls(ByteBuffer levels, int count) {
        HybridRuns runs = new HybridRuns(levels, 1);
        for (int i = 0; i < count; i++) {
            if (runs.next() == 0) {
                throw file.refused(column, "has nulls");
            }
        }
    }

    private ByteBuffer raw(ByteBuffer page, int rawBytes) throws IOException {
        long codec = meta.number(4);
        if (codec == UNCOMPRESSED) {
            return page;
        }
        if (codec != ZSTD) {
            throw file.refused(column, "has compression codec " + codec);
        }
        ByteBuffer raw = ByteBuffer.allocate(rawBytes).order(ByteOrder.LITTLE_ENDIAN);
        try {
            new ZstdDecompressor().decompress(page, raw);
        } catch (MalformedInputException e) {
            throw new IOException("A page of Parquet column '" + column + "' is damaged", e);
        }
        return raw.flip();
    }
}
