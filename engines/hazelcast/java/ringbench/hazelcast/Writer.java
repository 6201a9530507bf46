package ringbench.hazelcast;

import com.hazelcast.jet.core.AbstractProcessor;
import java.time.Duration;
import java.util.Map;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicReference;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerConfig;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/** Writes keys and values to a topic. A snapshot waits until the broker has all that came before it. */
final class Writer extends AbstractProcessor {
  private final String topicKey;
  private final AtomicLong onTheWay = new AtomicLong();
  private final AtomicReference<Exception> refused = new AtomicReference<>();
  private String topic;
  private KafkaProducer<byte[], byte[]> producer;

  /** The argument: where in the job the topic's name stands. */
  Writer(String topicKey) {
    this.topicKey = topicKey;
  }

  /** A full buffer lets the producer wait. */
  @Override
  public boolean isCooperative() {
    return false;
  }

  @Override
  protected void init(Context context) {
    Local local = Local.of(context);
    topic = local.text(topicKey);
    producer = new KafkaProducer<>(properties(local), new ByteArraySerializer(), new ByteArraySerializer());
  }

  private static Map<String, Object> properties(Local local) {
    Map<String, Object> found = local.kafka();
    found.put(ProducerConfig.LINGER_MS_CONFIG, local.setting("linger_ms"));
    found.put(ProducerConfig.ACKS_CONFIG, "all");
    found.put(ProducerConfig.ENABLE_IDEMPOTENCE_CONFIG, true);
    // Nothing is given up: the job would have to begin again at its last snapshot.
    found.put(ProducerConfig.DELIVERY_TIMEOUT_MS_CONFIG, Integer.MAX_VALUE);
    return found;
  }

  @Override
  protected boolean tryProcess0(Object item) throws Exception {
    throwIfRefused();
    Map.Entry<?, ?> message = (Map.Entry<?, ?>) item;
    onTheWay.incrementAndGet();
    producer.send(
        new ProducerRecord<>(topic, (byte[]) message.getKey(), (byte[]) message.getValue()),
        (metadata, error) -> {
          if (error != null) {
            refused.compareAndSet(null, error);
          }
          onTheWay.decrementAndGet();
        });
    return true;
  }

  @Override
  public boolean saveToSnapshot() {
    boolean isAllThere = onTheWay.get() == 0;
    // An error is set before its message is off the way.
    throwIfRefused();
    return isAllThere;
  }

  private void throwIfRefused() {
    Exception error = refused.get();
    if (error != null) {
      throw new IllegalStateException("Kafka has refused a message for " + topic, error);
    }
  }

  /** What is still on the way is written anew after a restart. */
  @Override
  public void close() {
    if (producer != null) {
      producer.close(Duration.ZERO);
    }
  }
}
