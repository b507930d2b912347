package io.lazystate.examples.demo;

import io.lazystate.examples.flights.ResultRow;
import org.apache.flink.api.connector.sink2.Sink;
import org.apache.flink.api.connector.sink2.SinkWriter;
import org.apache.flink.api.connector.sink2.WriterInitContext;

/**
 * Hands results to a run in this JVM.
 *
 * @param run name of its {@link RunControl}
 */
record ResultSink(String run) implements Sink<ResultRow> {
    @Override
    public SinkWriter<ResultRow> createWriter(WriterInitContext context) {
        return new Writer(RunControl.named(run), context.getTaskInfo().getAttemptNumber());
    }

    private record Writer(RunControl control, int attempt) implements SinkWriter<ResultRow> {
        @Override
        public void write(ResultRow row, Context context) {
            control.take(row, attempt);
        }

        @Override
        public void flush(boolean endOfInput) {}

        @Override
        public void close() {}
    }
}
