package ringbench.hazelcast;

import com.hazelcast.jet.Traverser;
import com.hazelcast.jet.Traversers;
import com.hazelcast.jet.Util;
import com.hazelcast.jet.core.AbstractProcessor;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import ringbench.Count;

/**
 * Counts the records of its share of the cells, and publishes now and then the counts that have changed.
 *
 * <p>A snapshot has all counts. What was counted until then is published first, so that the last snapshot, at the engine's
 * end, leaves nothing unpublished. After a restart, all counts are published again: which of them had left is not known.
 */
final class Counter extends AbstractProcessor {
  private final Map<String, byte[]> counts = new HashMap<>();
  private final Set<String> changed = new HashSet<>();
  /** Cells that were counted in since the last cells were forgotten, and those that were in the time before that. */
  private Set<String> young = new HashSet<>();
  private Set<String> old = new HashSet<>();

  private long flushIntervalNs;
  private long timeToLiveNs;
  private Totals totals;
  private long publishNs;
  private long forgetNs;
  private Traverser<Map.Entry<byte[], byte[]>> publishing;
  private Traverser<Map.Entry<String, byte[]>> saving;

  @Override
  protected void init(Context context) {
    Local local = Local.of(context);
    flushIntervalNs = TimeUnit.MILLISECONDS.toNanos(local.setting("flush_interval_ms"));
    timeToLiveNs = TimeUnit.MILLISECONDS.toNanos(local.setting("state_ttl_ms") + local.number("allowed_lateness_ms"));
    totals = local.totals();
    totals.execution = context.executionId();
    publishNs = System.nanoTime();
    forgetNs = publishNs + timeToLiveNs;
  }

  @Override
  protected void restoreFromSnapshot(Object key, Object value) {
    String cell = (String) key;
    counts.put(cell, (byte[]) value);
    changed.add(cell);
    young.add(cell);
  }

  @Override
  protected boolean tryProcess0(Object item) {
    Map.Entry<?, ?> record = (Map.Entry<?, ?>) item;
    String cell = (String) record.getKey();
    byte[] origin = (byte[]) record.getValue();
    byte[] before = counts.get(cell);
    if (Count.contains(before, origin)) {
      totals.repeated.increment();
      return true;
    }
    counts.put(cell, Count.plusOne(before, origin));
    changed.add(cell);
    young.add(cell);
    return true;
  }

  @Override
  public boolean tryProcess() {
    long nowNs = System.nanoTime();
    if (nowNs - publishNs < 0) {
      return true;
    }
    if (!publish()) {
      return false;
    }
    publishNs = nowNs + flushIntervalNs;
    if (nowNs - forgetNs >= 0) {
      forgetNs = nowNs + timeToLiveNs;
      forget();
    }
    return true;
  }

  /** Until it has returned true, Jet calls the method that called it again, and no other. */
  private boolean publish() {
    if (publishing == null) {
      publishing =
          Traversers.traverseIterable(changed).map(cell -> Util.entry(Cells.bytes(cell), Count.decimal(counts.get(cell))));
    }
    if (!emitFromTraverser(publishing)) {
      return false;
    }
    publishing = null;
    changed.clear();
    return true;
  }

  private void forget() {
    old.removeAll(young);
    counts.keySet().removeAll(old);
    old = young;
    young = new HashSet<>();
  }

  @Override
  public boolean saveToSnapshot() {
    if (saving == null) {
      if (!publish()) {
        return false;
      }
      saving = Traversers.traverseIterable(counts.entrySet()).map(each -> Util.entry(each.getKey(), each.getValue()));
    }
    if (!emitFromTraverserToSnapshot(saving)) {
      return false;
    }
    saving = null;
    return true;
  }
}
