package ringbench.kstreams;

import org.apache.kafka.streams.processor.api.ContextualProcessor;
import org.apache.kafka.streams.processor.api.Record;
import org.apache.kafka.streams.processor.api.RecordMetadata;
import ringbench.Count;
import ringbench.RecordReader;

/**
 * Tells what a line is. A record goes on as its cell and its origin; what is none, without a cell, as it is.
 *
 * <p>The watermark is the task's stream time, the greatest event time of its one partition, less the allowed lateness.
 * Kafka Streams commits it together with the offset, so that a line that is read again after a restart is late if it was.
 *
 * <p>Messages go on with the time of the wall clock: a broker refuses those from a future that a record may well have.
 */
final class Sorter extends ContextualProcessor<byte[], byte[], byte[], byte[]> {
  private static final byte[] TOMBSTONE = {};

  private final RecordReader reader;
  private final long latenessMs;
  private final Totals totals;

  Sorter(RecordReader reader, long latenessMs, Totals totals) {
    this.reader = reader;
    this.latenessMs = latenessMs;
    this.totals = totals;
  }

  @Override
  public void process(Record<byte[], byte[]> message) {
    byte[] line = message.value();
    totals.recordsIn.increment();
    if (!reader.isRecord(line)) {
      totals.malformed.increment();
      forward(null, line == null ? TOMBSTONE : line);
    } else if (isLate(RecordReader.eventTimeMs(line))) {
      totals.late.increment();
    } else {
      totals.sorted.increment();
      RecordMetadata metadata = context().recordMetadata().orElseThrow();
      forward(RecordReader.key(line), Count.origin(metadata.partition(), metadata.offset()));
    }
  }

  private boolean isLate(long eventTimeMs) {
    return eventTimeMs / 1000 * 1000 + 1000 <= context().currentStreamTimeMs() - latenessMs;
  }

  private void forward(byte[] key, byte[] value) {
    context().forward(new Record<>(key, value, context().currentSystemTimeMs()));
  }
}
