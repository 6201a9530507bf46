package ringbench.kstreams;

import java.util.Map;
import java.util.concurrent.atomic.LongAdder;

/**
 * The totals of a {@code progress} event, counted by all threads; how many records came again after a restart; and how
 * many went on to be counted, and came as far as into a published count, both by this process.
 */
final class Totals {
  final LongAdder recordsIn = new LongAdder();
  final LongAdder malformed = new LongAdder();
  final LongAdder late = new LongAdder();
  final LongAdder repeated = new LongAdder();
  final LongAdder sorted = new LongAdder();
  final LongAdder published = new LongAdder();
  /** Records that were sorted before are a former process's. */
  final long startMs = System.currentTimeMillis();

  Map<String, Long> read() {
    return Map.of("records_in", recordsIn.sum(), "malformed", malformed.sum(), "late", late.sum());
  }
}
