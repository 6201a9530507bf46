package ringbench.kstreams;

import java.time.Duration;
import java.util.HashSet;
import java.util.Set;
import org.apache.kafka.common.utils.Bytes;
import org.apache.kafka.streams.processor.PunctuationType;
import org.apache.kafka.streams.processor.api.ContextualProcessor;
import org.apache.kafka.streams.processor.api.ProcessorContext;
import org.apache.kafka.streams.processor.api.Record;
import org.apache.kafka.streams.state.KeyValueIterator;
import org.apache.kafka.streams.state.KeyValueStore;
import ringbench.Count;

/**
 * Counts the records of cells, and publishes now and then the counts that have changed.
 *
 * <p>After a restart, all counts are published again: which of them had not left before is not known. Exactly once, it
 * is, since what was published is kept with each count, and committed in one transaction with what was published.
 */
final class Counter extends ContextualProcessor<byte[], byte[], byte[], byte[]> {
  static final String STORE = "counts";

  private final Duration flushInterval;
  private final Duration timeToLive;
  private final Totals totals;
  private final boolean isExactlyOnce;
  private final Set<Bytes> changed = new HashSet<>();
  /** Cells that were counted in since the last cells were forgotten, and those that were in the time before that. */
  private Set<Bytes> young = new HashSet<>();
  private Set<Bytes> old = new HashSet<>();
  private KeyValueStore<Bytes, byte[]> counts;
  /** Records of this process that were counted since counts were published. */
  private int counted;

  Counter(Duration flushInterval, Duration timeToLive, Totals totals, boolean isExactlyOnce) {
    this.isExactlyOnce = isExactlyOnce;
    this.flushInterval = flushInterval;
    this.timeToLive = timeToLive;
    this.totals = totals;
  }

  @Override
  public void init(ProcessorContext<byte[], byte[]> context) {
    super.init(context);
    counts = context.getStateStore(STORE);
    try (KeyValueIterator<Bytes, byte[]> restored = counts.all()) {
      restored.forEachRemaining(
          each -> {
            young.add(each.key);
            if (!isExactlyOnce || !Count.isPublished(each.value)) {
              changed.add(each.key);
            }
          });
    }
    context.schedule(flushInterval, PunctuationType.WALL_CLOCK_TIME, this::publish);
    context.schedule(timeToLive, PunctuationType.WALL_CLOCK_TIME, nowMs -> forget());
  }

  @Override
  public void process(Record<byte[], byte[]> record) {
    if (record.timestamp() >= totals.startMs) {
      counted++;
    }
    Bytes cell = Bytes.wrap(record.key());
    byte[] before = counts.get(cell);
    if (Count.contains(before, record.value())) {
      totals.repeated.increment();
      return;
    }
    counts.put(cell, Count.plusOne(before, record.value()));
    changed.add(cell);
    young.add(cell);
  }

  private void publish(long nowMs) {
    for (Bytes cell : changed) {
      byte[] count = counts.get(cell);
      context().forward(new Record<>(cell.get(), Count.decimal(count), nowMs));
      if (isExactlyOnce) {
        counts.put(cell, Count.published(count));
      }
    }
    changed.clear();
    totals.published.add(counted);
    counted = 0;
  }

  private void forget() {
    old.removeAll(young);
    old.forEach(counts::delete);
    old = young;
    young = new HashSet<>();
  }
}
