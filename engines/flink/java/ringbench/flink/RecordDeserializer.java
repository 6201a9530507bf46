package ringbench.flink;

import org.apache.flink.api.common.serialization.DeserializationSchema;
import org.apache.flink.api.common.typeinfo.TypeInformation;
import org.apache.flink.table.data.GenericRowData;
import org.apache.flink.table.data.RowData;
import org.apache.flink.table.data.StringData;
import org.apache.flink.table.data.TimestampData;
import ringbench.RecordReader;

/**
 * Takes a message apart once, where SQL would do so in each expression anew.
 *
 * <p>Of a record, {@code line} is null, {@code cell} the key of its count, {@code window_end} where its window ends. Of
 * what is no record, {@code line} is the message, and all else null but {@code event_time}, which is 0, so that it moves
 * no watermark.
 */
final class RecordDeserializer implements DeserializationSchema<RowData> {
  private static final long serialVersionUID = 1;
  private static final byte[] TOMBSTONE = {};

  private final String locations;
  private final TypeInformation<RowData> row;
  private transient RecordReader reader;

  RecordDeserializer(String locations, TypeInformation<RowData> row) {
    this.locations = locations;
    this.row = row;
  }

  @Override
  public void open(InitializationContext context) {
    reader = RecordReader.of(locations);
  }

  @Override
  public RowData deserialize(byte[] message) {
    if (!reader.isRecord(message)) {
      return GenericRowData.of(message == null ? TOMBSTONE : message, null, TimestampData.fromEpochMillis(0), null);
    }
    long eventTimeMs = RecordReader.eventTimeMs(message);
    return GenericRowData.of(
        null,
        StringData.fromBytes(RecordReader.key(message)),
        TimestampData.fromEpochMillis(eventTimeMs),
        TimestampData.fromEpochMillis(Math.floorDiv(eventTimeMs, 1000L) * 1000 + 1000));
  }

  @Override
  public boolean isEndOfStream(RowData next) {
    return false;
  }

  @Override
  public TypeInformation<RowData> getProducedType() {
    return row;
  }
}
