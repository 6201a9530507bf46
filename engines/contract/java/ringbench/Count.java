package ringbench;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;

/**
 * A cell's count, together with the records that it is made of, in bytes: the count, the count that was published last,
 * and for each partition of the input up to which offset, exclusive, its records are in.
 *
 * <p>For engines that process at least once: a record may come again after a restart, while the count that was kept already
 * has it. Records of one partition and cell come in the order of their offsets, so that one that comes again is known by
 * its offset. With processing exactly once, none comes again.
 */
public final class Count {
  private static final int PUBLISHED = Long.BYTES;

  private Count() {}

  /** Where a record comes from. */
  public static byte[] origin(int partition, long offset) {
    return ByteBuffer.allocate(Integer.BYTES + Long.BYTES).putInt(partition).putLong(offset).array();
  }

  /** Whether a count, null for none, has the record from {@code origin} in it. */
  public static boolean contains(byte[] count, byte[] origin) {
    int at = place(origin);
    return count != null && at < count.length && ByteBuffer.wrap(count).getLong(at) > offset(origin);
  }

  /** The count, null for none, with the record from {@code origin} in it, too. */
  public static byte[] plusOne(byte[] count, byte[] origin) {
    int at = place(origin);
    int length = at + Long.BYTES;
    byte[] next = count == null ? new byte[length] : Arrays.copyOf(count, Math.max(count.length, length));
    ByteBuffer.wrap(next).putLong(0, number(next) + 1).putLong(at, offset(origin) + 1);
    return next;
  }

  /** The same, but for the count that was published last: it is this one now. */
  public static byte[] published(byte[] count) {
    byte[] next = count.clone();
    ByteBuffer.wrap(next).putLong(PUBLISHED, number(count));
    return next;
  }

  /** Whether this count was published. */
  public static boolean isPublished(byte[] count) {
    return ByteBuffer.wrap(count).getLong(PUBLISHED) == number(count);
  }

  /** The count as an aggregates message's value. */
  public static byte[] decimal(byte[] count) {
    return Long.toString(number(count)).getBytes(StandardCharsets.US_ASCII);
  }

  private static long number(byte[] count) {
    return ByteBuffer.wrap(count).getLong(0);
  }

  private static int place(byte[] origin) {
    return Long.BYTES * (2 + ByteBuffer.wrap(origin).getInt(0));
  }

  private static long offset(byte[] origin) {
    return ByteBuffer.wrap(origin).getLong(Integer.BYTES);
  }
}
