package ringbench.spark;

import org.apache.spark.sql.types.DataTypes;
import ringbench.RecordReader;

/**
 * Functions that count what passes through them in {@link Tally}. In Real-Time Mode, Spark tells of rows only when a
 * trigger ends. Each may stand once in a query, and tasks have to run in this JVM.
 */
public final class TallyFunction {
  private TallyFunction() {}

  /** Whether a message is a well-formed record. */
  public static final class Line extends RecordFunction<Boolean> {
    private static final long serialVersionUID = 1;

    private final String locations;
    private transient RecordReader reader;

    Line(String locations) {
      super("tally_line", DataTypes.BooleanType);
      this.locations = locations;
    }

    public boolean invoke(byte[] message) {
      if (reader == null) {
        reader = RecordReader.of(locations);
      }
      boolean isRecord = reader.isRecord(message);
      Tally.LINES.increment();
      if (!isRecord) {
        Tally.MALFORMED.increment();
      }
      return isRecord;
    }
  }

  /** The value of an upsert, as it is. */
  public static final class Upsert extends RecordFunction<byte[]> {
    private static final long serialVersionUID = 1;

    Upsert() {
      super("tally_upsert", DataTypes.BinaryType);
    }

    public byte[] invoke(byte[] value) {
      Tally.UPSERTS.increment();
      return value;
    }
  }

  /** A dead letter, as it is. */
  public static final class DeadLetter extends RecordFunction<byte[]> {
    private static final long serialVersionUID = 1;

    DeadLetter() {
      super("tally_dead_letter", DataTypes.BinaryType);
    }

    public byte[] invoke(byte[] line) {
      Tally.DEAD_LETTERS.increment();
      return line;
    }
  }
}
