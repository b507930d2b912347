package io.lazystate.backend;

import java.io.IOException;
import org.apache.flink.api.common.typeutils.TypeSerializer;
import org.apache.flink.api.common.typeutils.TypeSerializerSchemaCompatibility;
import org.apache.flink.api.common.typeutils.TypeSerializerSnapshot;
import org.apache.flink.api.common.typeutils.base.StringSerializer;
import org.apache.flink.api.common.typeutils.base.TypeSerializerSingleton;
import org.apache.flink.core.memory.DataInputView;
import org.apache.flink.core.memory.DataOutputView;

/**
 * Writes strings behind its version, and reads those of its own version only: rows of an older one
 * have to be migrated.
 */
final class VersionedStringSerializer extends TypeSerializerSingleton<String> {
    private static final long serialVersionUID = 1L;
    private final int version;

    VersionedStringSerializer(int version) {
        this.version = version;
    }

    @Override
    public void serialize(String text, DataOutputView target) throws IOException {
        target.writeInt(version);
        StringSerializer.INSTANCE.serialize(text, target);
    }

    @Override
    public String deserialize(DataInputView source) throws IOException {
        int found = source.readInt();
        if (found != version) {
            throw new IOException("a row of version " + found + " is read as " + version);
        }
        return StringSerializer.INSTANCE.deserialize(source);
    }

    @Override
    public String deserialize(String reuse, DataInputView source) throws IOException {
        return deserialize(source);
    }

    @Override
    public void copy(DataInputView source, DataOutputView target) throws IOException {
        serialize(deserialize(source), target);
    }

    @Override
    public String createInstance() {
        return "";
    }

    @Override
    public String copy(String from) {
        return from;
    }

    @Override
    public String copy(String from, String reuse) {
        return from;
    }

    @Override
    public int getLength() {
        return -1;
    }

    @Override
    public boolean isImmutableType() {
        return true;
    }

    @Override
    public boolean equals(Object other) {
        return other instanceof VersionedStringSerializer that && that.version == version;
    }

    @Override
    public int hashCode() {
        return version;
    }

    @Override
    public TypeSerializerSnapshot<String> snapshotConfiguration() {
        return new Snapshot(version);
    }

    /** The version, as it is kept in a checkpoint. */
    public static final class Snapshot implements TypeSerializerSnapshot<String> {
        private int version;

        /** For Flink, which reads it. */
        public Snapshot() {}

        private Snapshot(int version) {
            this.version = version;
        }

        @Override
        public int getCurrentVersion() {
            return 1;
        }

        @Override
        public void writeSnapshot(DataOutputView out) throws IOException {
            out.writeInt(version);
        }

        @Override
        public void readSnapshot(int readVersion, DataInputView in, ClassLoader userCode)
                throws IOException {
            version = in.readInt();
        }

        @Override
        public TypeSerializer<String> restoreSerializer() {
            return new VersionedStringSerializer(version);
        }

        @Override
        public TypeSerializerSchemaCompatibility<String> resolveSchemaCompatibility(
                TypeSerializerSnapshot<String> old) {
            int before = ((Snapshot) old).version;
            if (before == version) {
                return TypeSerializerSchemaCompatibility.compatibleAsIs();
            }
            return before < version
                    ? TypeSerializerSchemaCompatibility.compatibleAfterMigration()
                    : TypeSerializerSchemaCompatibility.incompatible();
        }
    }
}
