package io.lazystate.backend;

import java.nio.file.Path;
import org.rocksdb.ColumnFamilyOptions;
import org.rocksdb.DBOptions;
import org.rocksdb.Env;
import org.rocksdb.EnvOptions;
import org.rocksdb.Options;
import org.rocksdb.RocksDBException;
import org.rocksdb.RocksMemEnv;
import org.rocksdb.SstFileReader;
import org.rocksdb.SstFileWriter;

/**
 * The name of the comparator in a column family's options, which RocksDB's Java API does not give
 * away: it is in the properties of every table that is written with them.
 *
 * <p>Cost: a table of one row, in memory.
 */
final class ComparatorName {
    private static final Path TABLE = Path.of("/table");

    private ComparatorName() {}

    static String of(ColumnFamilyOptions family) {
        try (Env memory = new RocksMemEnv(Env.getDefault());
                DBOptions db = new DBOptions().setEnv(memory);
                Options options = new Options(db, family)) {
            write(options);
            return read(options);
        } catch (RocksDBException e) {
            throw new IllegalStateException("RocksDB writes no table with the options", e);
        }
    }

    private static void write(Options options) throws RocksDBException {
        try (EnvOptions files = new EnvOptions();
                SstFileWriter writer = new SstFileWriter(files, options)) {
            writer.open(TABLE.toString());
            writer.put(new byte[64], new byte[0]);
            writer.finish();
        }
    }

    private static String read(Options options) throws RocksDBException {
        try (SstFileReader reader = new SstFileReader(options)) {
            reader.open(TABLE.toString());
            return reader.getTableProperties().getComparatorName();
        }
    }
}
