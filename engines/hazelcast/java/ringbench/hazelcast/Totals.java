package ringbench.hazelcast;

import java.util.Map;
import java.util.concurrent.atomic.LongAdder;

/** What this member has read since it was started, counted by all of its threads; and which execution it takes part in. */
final class Totals {
  final LongAdder recordsIn = new LongAdder();
  final LongAdder malformed = new LongAdder();
  final LongAdder late = new LongAdder();
  /** Records that came again after a restart, and were not counted again. */
  final LongAdder repeated = new LongAdder();
  /** Jet runs a job again as another execution; 0: none yet. */
  volatile long execution;

  Map<String, Long> read() {
    return Map.of("records_in", recordsIn.sum(), "malformed", malformed.sum(), "late", late.sum());
  }
}
