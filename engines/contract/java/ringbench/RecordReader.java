package ringbench;

import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.regex.Pattern;

/**
 * Reads call-detail records (engines/contract/record.py) from their bytes.
 *
 * <p>It accepts what the contract's pattern accepts, since all fields but the last have a fixed width. The regular
 * expression and the substrings that it replaces were most of what a JVM engine had to do.
 */
public final class RecordReader {
  /** A field that stands at the same place in every record. */
  public enum Field {
    CALLER(0, 12),
    CALLEE(13, 12),
    LOCATION(RecordReader.LOCATION, LOCATION_LENGTH),
    TYPE(RecordReader.TYPE, TYPE_LENGTH);

    private final int at;
    private final int length;

    Field(int at, int length) {
      this.at = at;
      this.length = length;
    }

    /** The field's bytes in a record. */
    public byte[] of(byte[] record) {
      return Arrays.copyOfRange(record, at, at + length);
    }
  }

  /** 0 stands for a digit, N for one from 2 on, a dot for any byte, and all else for itself. */
  private static final byte[] SHAPE = ascii("+1N000000000,+1N000000000,00000,1000000000000,1000000000000,....,");

  private static final int LOCATION = 26;
  private static final int LOCATION_LENGTH = 5;
  private static final int START = 32;
  private static final int EVENT_TIME = 46;
  private static final int TIME_LENGTH = 13;
  private static final int SECONDS_LENGTH = 10;
  private static final int TYPE = 60;
  private static final int TYPE_LENGTH = 4;
  private static final int OPERATOR = SHAPE.length;

  private static final byte[][] TYPES = {ascii("call"), ascii("text")};
  private static final byte[][] OPERATORS = {ascii("AT&T"), ascii("Sprint"), ascii("T-Mobile"), ascii("Verizon")};

  private static final Map<String, RecordReader> READERS = new ConcurrentHashMap<>();

  private final boolean[] isLocation = new boolean[100_000];

  /** The reader of records whose locations, five digits each, match a pattern. */
  public static RecordReader of(String locations) {
    return READERS.computeIfAbsent(locations, RecordReader::new);
  }

  private RecordReader(String locations) {
    Pattern pattern = Pattern.compile(locations);
    for (int code = 0; code < isLocation.length; code++) {
      isLocation[code] = pattern.matcher(String.format("%05d", code)).matches();
    }
  }

  /** Whether a message is a well-formed record. Null, a tombstone, is none. */
  public boolean isRecord(byte[] line) {
    return line != null
        && line.length > OPERATOR
        && hasShape(line)
        && isLocation[(int) number(line, LOCATION, LOCATION_LENGTH)]
        && number(line, START, TIME_LENGTH) <= eventTimeMs(line)
        && isOneOf(TYPES, line, TYPE, TYPE_LENGTH)
        && isOneOf(OPERATORS, line, OPERATOR, line.length - OPERATOR);
  }

  /** A record's event time in milliseconds since the Unix epoch. */
  public static long eventTimeMs(byte[] record) {
    return number(record, EVENT_TIME, TIME_LENGTH);
  }

  /** The key of a record's count (engines/contract/aggregate.py): {@code WINDOW_S|LOCATION|OPERATOR|TYPE}. */
  public static byte[] key(byte[] record) {
    byte[] key = new byte[SECONDS_LENGTH + 1 + nameLength(record)];
    System.arraycopy(record, EVENT_TIME, key, 0, SECONDS_LENGTH);
    key[SECONDS_LENGTH] = '|';
    writeName(record, key, SECONDS_LENGTH + 1);
    return key;
  }

  /** What of a record's key is the same in every window: {@code LOCATION|OPERATOR|TYPE}. */
  public static byte[] name(byte[] record) {
    byte[] name = new byte[nameLength(record)];
    writeName(record, name, 0);
    return name;
  }

  private static int nameLength(byte[] record) {
    return LOCATION_LENGTH + 1 + record.length - OPERATOR + 1 + TYPE_LENGTH;
  }

  private static void writeName(byte[] record, byte[] into, int at) {
    System.arraycopy(record, LOCATION, into, at, LOCATION_LENGTH);
    into[at + LOCATION_LENGTH] = '|';
    int operatorLength = record.length - OPERATOR;
    System.arraycopy(record, OPERATOR, into, at + LOCATION_LENGTH + 1, operatorLength);
    int typeAt = at + LOCATION_LENGTH + 1 + operatorLength + 1;
    into[typeAt - 1] = '|';
    System.arraycopy(record, TYPE, into, typeAt, TYPE_LENGTH);
  }

  private static boolean hasShape(byte[] line) {
    for (int at = 0; at < SHAPE.length; at++) {
      if (!fits(SHAPE[at], line[at])) {
        return false;
      }
    }
    return true;
  }

  private static boolean fits(byte shape, byte found) {
    return switch (shape) {
      case '0' -> found >= '0' && found <= '9';
      case 'N' -> found >= '2' && found <= '9';
      case '.' -> true;
      default -> found == shape;
    };
  }

  private static long number(byte[] line, int at, int length) {
    long number = 0;
    for (int each = at; each < at + length; each++) {
      number = number * 10 + line[each] - '0';
    }
    return number;
  }

  private static boolean isOneOf(byte[][] names, byte[] line, int at, int length) {
    for (byte[] name : names) {
      if (name.length == length && matches(name, line, at)) {
        return true;
      }
    }
    return false;
  }

  private static boolean matches(byte[] name, byte[] line, int at) {
    for (int each = 0; each < name.length; each++) {
      if (line[at + each] != name[each]) {
        return false;
      }
    }
    return true;
  }

  private static byte[] ascii(String text) {
    return text.getBytes(StandardCharsets.US_ASCII);
  }
}
