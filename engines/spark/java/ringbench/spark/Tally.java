package ringbench.spark;

import java.util.concurrent.atomic.LongAdder;

/** What the tasks in this JVM have read and written since its start: see {@link TallyFunction}. */
public final class Tally {
  static final LongAdder LINES = new LongAdder();
  static final LongAdder MALFORMED = new LongAdder();
  static final LongAdder UPSERTS = new LongAdder();
  static final LongAdder DEAD_LETTERS = new LongAdder();

  private Tally() {}

  /** Lines read, malformed ones among them, upserts and dead letters given to Kafka's producer, in this order. */
  public static long[] read() {
    return new long[] {LINES.sum(), MALFORMED.sum(), UPSERTS.sum(), DEAD_LETTERS.sum()};
  }
}
