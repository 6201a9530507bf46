package ringbench.kstreams;

import java.util.Map;
import java.util.concurrent.atomic.LongAdder;

/** The totals of a {@code progress} event, and how many records came again, counted by all threads. */
final class Totals {
  final LongAdder recordsIn = new LongAdder();
  final LongAdder malformed = new LongAdder();
  final LongAdder late = new LongAdder();
  final LongAdder repeated = new LongAdder();

  Map<String, Long> read() {
    return Map.of("records_in", recordsIn.sum(), "malformed", malformed.sum(), "late", late.sum());
  }
}
