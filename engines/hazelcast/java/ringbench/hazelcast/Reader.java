package ringbench.hazelcast;

import com.hazelcast.jet.Traverser;
import com.hazelcast.jet.Traversers;
import com.hazelcast.jet.Util;
import com.hazelcast.jet.core.AbstractProcessor;
import com.hazelcast.jet.core.BroadcastKey;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import ringbench.Count;
import ringbench.RecordReader;

/**
 * Reads its share of the input's partitions, and tells what a line is: a record goes to {@link #CELLS} as its cell and its
 * origin, what is none goes to {@link #DEAD_LETTERS} as it is, and a late record goes nowhere.
 *
 * <p>The watermark is the greatest event time of the record's own partition, less the allowed lateness. It is in the
 * snapshot together with the partition's offset, so that a line that is read again is late if it was.
 */
final class Reader extends AbstractProcessor {
  static final int CELLS = 0;
  static final int DEAD_LETTERS = 1;

  /** A snapshot waits for it to end. */
  private static final Duration POLL_TIMEOUT = Duration.ofMillis(100);

  private static final byte[] TOMBSTONE = {};

  private final List<TopicPartition> mine = new ArrayList<>();
  /** By partition: the offset to go on from, and the greatest event time so far. */
  private final Map<Integer, long[]> positions = new HashMap<>();

  private String topic;
  private long latenessMs;
  private RecordReader lines;
  private Totals totals;
  private KafkaConsumer<byte[], byte[]> consumer;
  private Iterator<ConsumerRecord<byte[], byte[]>> polled = Collections.emptyIterator();
  /** What could not leave yet, and by which edge it is to. */
  private Map.Entry<?, byte[]> waiting;
  private int waitingFor;
  private Traverser<Map.Entry<BroadcastKey<Integer>, long[]>> saving;

  @Override
  public boolean isCooperative() {
    return false;
  }

  @Override
  protected void init(Context context) {
    Local local = Local.of(context);
    topic = local.text("input_topic");
    latenessMs = local.number("allowed_lateness_ms");
    lines = RecordReader.of(local.locations());
    totals = local.totals();
    consumer = new KafkaConsumer<>(properties(local), new ByteArrayDeserializer(), new ByteArrayDeserializer());
    int partitions = consumer.partitionsFor(topic).size();
    for (int each = context.globalProcessorIndex(); each < partitions; each += context.totalParallelism()) {
      mine.add(new TopicPartition(topic, each));
      positions.put(each, new long[2]);
    }
    consumer.assign(mine);
    consumer.seekToBeginning(mine);
  }

  private static Map<String, Object> properties(Local local) {
    Map<String, Object> found = local.kafka();
    found.put(ConsumerConfig.ENABLE_AUTO_COMMIT_CONFIG, false);
    found.put(ConsumerConfig.FETCH_MIN_BYTES_CONFIG, local.setting("fetch_min_bytes"));
    found.put(ConsumerConfig.FETCH_MAX_WAIT_MS_CONFIG, local.setting("fetch_wait_ms"));
    return found;
  }

  /** All readers are given all partitions' positions: after a loss, another one may have a partition. */
  @Override
  protected void restoreFromSnapshot(Object key, Object value) {
    int partition = (Integer) ((BroadcastKey<?>) key).key();
    if (positions.containsKey(partition)) {
      long[] position = (long[]) value;
      positions.put(partition, position);
      consumer.seek(new TopicPartition(topic, partition), position[0]);
    }
  }

  @Override
  public boolean complete() {
    // A consumer without partitions cannot be asked.
    if (!polled.hasNext() && waiting == null && !mine.isEmpty()) {
      polled = consumer.poll(POLL_TIMEOUT).iterator();
    }
    emit();
    return false;
  }

  private void emit() {
    while (emitWaiting() && polled.hasNext()) {
      sort(polled.next());
    }
  }

  private boolean emitWaiting() {
    if (waiting == null) {
      return true;
    }
    if (!tryEmit(waitingFor, waiting)) {
      return false;
    }
    waiting = null;
    return true;
  }

  private void sort(ConsumerRecord<byte[], byte[]> message) {
    byte[] line = message.value();
    long[] position = positions.get(message.partition());
    position[0] = message.offset() + 1;
    totals.recordsIn.increment();
    if (!lines.isRecord(line)) {
      totals.malformed.increment();
      waiting = Util.entry(null, line == null ? TOMBSTONE : line);
      waitingFor = DEAD_LETTERS;
      return;
    }
    long eventTimeMs = RecordReader.eventTimeMs(line);
    position[1] = Math.max(position[1], eventTimeMs);
    if (eventTimeMs / 1000 * 1000 + 1000 <= position[1] - latenessMs) {
      totals.late.increment();
      return;
    }
    waiting = Util.entry(Cells.text(RecordReader.key(line)), Count.origin(message.partition(), message.offset()));
    waitingFor = CELLS;
  }

  @Override
  public boolean saveToSnapshot() {
    if (!emitWaiting()) {
      return false;
    }
    if (saving == null) {
      saving =
          Traversers.traverseIterable(positions.entrySet())
              .map(each -> Util.entry(BroadcastKey.broadcastKey(each.getKey()), each.getValue()));
    }
    if (!emitFromTraverserToSnapshot(saving)) {
      return false;
    }
    saving = null;
    return true;
  }

  @Override
  public void close() {
    if (consumer != null) {
      consumer.close();
    }
  }
}
