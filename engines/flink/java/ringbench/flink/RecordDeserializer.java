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
 * <p>Of a record, {@code line} is null. In rows of {@code CELLS}, {@code cell} is the key of its count, {@code window_end}
 * where its window ends; in rows of {@code FIELDS}, all else are its fields, {@code event_ms} its event time again. Of what
 * is no record, {@code line} is the message, and all else null but {@code event_time}, which is 0, so that it moves no
 * watermark.
 */
final class RecordDeserializer implements DeserializationSchema<RowData> {
  private static final long serialVersionUID = 1;
  private static final byte[] TOMBSTONE = {};

  /** What rows hold, apart from the first two columns, {@code line} and {@code event_time}. */
  enum Rows {
    CELLS(2),
    FIELDS(5);

    private final int ownColumns;

    Rows(int ownColumns) {
      this.ownColumns = ownColumns;
    }
  }

  private final String locations;
  private final Rows rows;
  private final TypeInformation<RowData> type;
  private transient RecordReader reader;

  RecordDeserializer(String locations, Rows rows, TypeInformation<RowData> type) {
    this.locations = locations;
    this.rows = rows;
    this.type = type;
  }

  @Override
  public void open(InitializationContext context) {
    reader = RecordReader.of(locations);
  }

  @Override
  public RowData deserialize(byte[] message) {
    GenericRowData row = new GenericRowData(2 + rows.ownColumns);
    if (!reader.isRecord(message)) {
      row.setField(0, message == null ? TOMBSTONE : message);
      row.setField(1, TimestampData.fromEpochMillis(0));
      return row;
    }
    long eventTimeMs = RecordReader.eventTimeMs(message);
    row.setField(1, TimestampData.fromEpochMillis(eventTimeMs));
    if (rows == Rows.CELLS) {
      row.setField(2, StringData.fromBytes(RecordReader.key(message)));
      row.setField(3, TimestampData.fromEpochMillis(Math.floorDiv(eventTimeMs, 1000L) * 1000 + 1000));
    } else {
      row.setField(2, eventTimeMs);
      row.setField(3, StringData.fromBytes(RecordReader.Field.CALLER.of(message)));
      row.setField(4, StringData.fromBytes(RecordReader.Field.CALLEE.of(message)));
      row.setField(5, StringData.fromBytes(RecordReader.Field.LOCATION.of(message)));
      row.setField(6, StringData.fromBytes(RecordReader.Field.TYPE.of(message)));
    }
    return row;
  }

  @Override
  public boolean isEndOfStream(RowData next) {
    return false;
  }

  @Override
  public TypeInformation<RowData> getProducedType() {
    return type;
  }
}
