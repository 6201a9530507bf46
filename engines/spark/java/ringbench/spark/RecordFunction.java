package ringbench.spark;

import java.util.Locale;
import org.apache.spark.sql.connector.catalog.functions.BoundFunction;
import org.apache.spark.sql.connector.catalog.functions.ScalarFunction;
import org.apache.spark.sql.connector.catalog.functions.UnboundFunction;
import org.apache.spark.sql.types.DataType;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StructType;
import org.apache.spark.unsafe.types.UTF8String;
import ringbench.RecordReader;

/**
 * A function of one message. Spark calls {@code invoke}, which it finds by its name, from classes of its own: all of this
 * has to be public.
 */
public abstract class RecordFunction<T> implements UnboundFunction, ScalarFunction<T> {
  private static final long serialVersionUID = 1;

  private final String name;
  private final DataType resultType;

  RecordFunction(String name, DataType resultType) {
    this.name = name;
    this.resultType = resultType;
  }

  @Override
  public String name() {
    return name;
  }

  @Override
  public String description() {
    return name + "(message)";
  }

  @Override
  public BoundFunction bind(StructType inputType) {
    return this;
  }

  @Override
  public DataType[] inputTypes() {
    return new DataType[] {DataTypes.BinaryType};
  }

  @Override
  public DataType resultType() {
    return resultType;
  }

  @Override
  public boolean isResultNullable() {
    return false;
  }

  /** Whether a message is a well-formed record. */
  public static final class IsRecord extends RecordFunction<Boolean> {
    private static final long serialVersionUID = 1;

    private final String locations;
    private transient RecordReader reader;

    IsRecord(String locations) {
      super("is_record", DataTypes.BooleanType);
      this.locations = locations;
    }

    public boolean invoke(byte[] message) {
      if (reader == null) {
        reader = RecordReader.of(locations);
      }
      return reader.isRecord(message);
    }
  }

  /** A record's event time. */
  public static final class EventTime extends RecordFunction<Long> {
    private static final long serialVersionUID = 1;

    EventTime() {
      super("event_time", DataTypes.TimestampType);
    }

    /** In microseconds since the Unix epoch. */
    public long invoke(byte[] record) {
      return RecordReader.eventTimeMs(record) * 1000;
    }
  }

  /** What of the key of a record's count is the same in every window. */
  public static final class Name extends RecordFunction<UTF8String> {
    private static final long serialVersionUID = 1;

    Name() {
      super("name", DataTypes.StringType);
    }

    public UTF8String invoke(byte[] record) {
      return UTF8String.fromBytes(RecordReader.name(record));
    }
  }

  /** A field of a record. */
  public static final class OfField extends RecordFunction<UTF8String> {
    private static final long serialVersionUID = 1;

    private final RecordReader.Field field;

    OfField(RecordReader.Field field) {
      super(field.name().toLowerCase(Locale.ROOT), DataTypes.StringType);
      this.field = field;
    }

    public UTF8String invoke(byte[] record) {
      return UTF8String.fromBytes(field.of(record));
    }
  }
}
