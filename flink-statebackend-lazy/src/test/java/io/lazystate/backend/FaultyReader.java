package io.lazystate.backend;

import io.lazystate.backend.FaultPlan.Fault;
import io.lazystate.backend.FaultPlan.Step;
import io.lazystate.store.RangedReader;
import io.lazystate.store.StoredObject;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.zip.CRC32C;

/** Reads of which one goes wrong as planned. Threads: any. */
final class FaultyReader implements RangedReader {
    private final RangedReader store;
    private final FaultPlan plan;

    FaultyReader(RangedReader store, FaultPlan plan) {
        this.store = store;
        this.plan = plan;
    }

    @Override
    public byte[] read(StoredObject object, long offset, int length) {
        Fault fault = begin(Step.READ);
        byte[] bytes = store.read(object, offset, length);
        if (fault == Fault.DAMAGED) {
            bytes[length / 2] ^= 1;
        }
        return bytes;
    }

    @Override
    public int download(StoredObject object, long offset, long length, Path target) {
        Fault fault = begin(Step.DOWNLOAD);
        int crc32c = store.download(object, offset, length, target);
        try {
            if (fault == Fault.FAILS_HALFWAY) {
                Files.delete(target);
                throw FaultPlan.unavailable();
            }
            return fault == Fault.DAMAGED ? damage(target) : crc32c;
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static int damage(Path file) throws IOException {
        byte[] bytes = Files.readAllBytes(file);
        bytes[bytes.length / 2] ^= 1;
        Files.write(file, bytes);
        CRC32C crc = new CRC32C();
        crc.update(bytes);
        return (int) crc.getValue();
    }

    private Fault begin(Step step) {
        try {
            Fault fault = plan.begin(step);
            if (fault == Fault.FAILS) {
                throw FaultPlan.unavailable();
            }
            return fault;
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
