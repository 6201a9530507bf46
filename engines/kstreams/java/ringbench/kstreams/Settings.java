package ringbench.kstreams;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.HashMap;
import java.util.Map;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.clients.producer.ProducerConfig;
import org.apache.kafka.streams.StreamsConfig;

/** Kafka Streams' configuration for a job. */
final class Settings {
  /** Kafka Streams' own. */
  private static final int DEFAULT_TRANSACTION_TIMEOUT_MS = 10_000;

  private Settings() {}

  /** Whether what a task reads, keeps and writes is committed in one transaction. */
  static boolean isExactlyOnce(JsonNode job) {
    return job.get("delivery").asText().equals("exactly-once");
  }

  static Map<String, Object> of(JsonNode job) {
    JsonNode settings = job.get("settings");
    Map<String, Object> found = new HashMap<>();
    job.get("kafka_properties").properties().forEach(each -> found.put(each.getKey(), each.getValue().asText()));
    found.put(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, job.get("bootstrap_servers").asText());
    found.put(StreamsConfig.APPLICATION_ID_CONFIG, applicationId(job));
    found.put(StreamsConfig.NUM_STREAM_THREADS_CONFIG, job.get("parallelism").asInt());
    found.put(StreamsConfig.STATE_DIR_CONFIG, job.get("checkpoint_dir").asText());
    found.put(StreamsConfig.COMMIT_INTERVAL_MS_CONFIG, job.get("checkpoint_interval_ms").asLong());
    found.put(
        StreamsConfig.PROCESSING_GUARANTEE_CONFIG,
        isExactlyOnce(job) ? StreamsConfig.EXACTLY_ONCE_V2 : StreamsConfig.AT_LEAST_ONCE);
    found.put(StreamsConfig.STATESTORE_CACHE_MAX_BYTES_CONFIG, settings.get("cache_mb").asLong() << 20);
    // A thread that waits for records looks at its timers so often.
    found.put(StreamsConfig.POLL_MS_CONFIG, settings.get("flush_interval_ms").asLong());
    found.put(StreamsConfig.REPLICATION_FACTOR_CONFIG, -1);
    found.put(consumer(ConsumerConfig.FETCH_MIN_BYTES_CONFIG), settings.get("fetch_min_bytes").asInt());
    found.put(consumer(ConsumerConfig.FETCH_MAX_WAIT_MS_CONFIG), settings.get("fetch_wait_ms").asInt());
    // A process that takes the place of one that was killed need not wait until that one's session has run out.
    found.put(consumer(ConsumerConfig.GROUP_INSTANCE_ID_CONFIG), "ringbench");
    found.put(producer(ProducerConfig.LINGER_MS_CONFIG), settings.get("linger_ms").asInt());
    found.put(producer(ProducerConfig.ACKS_CONFIG), "all");
    if (isExactlyOnce(job)) {
      found.put(producer(ProducerConfig.TRANSACTION_TIMEOUT_CONFIG), transactionTimeoutMs(job));
    } else {
      // Nothing is given up: a gap in what was sent would be taken for a repetition, and stay.
      found.put(producer(ProducerConfig.DELIVERY_TIMEOUT_MS_CONFIG), Integer.MAX_VALUE);
    }
    return found;
  }

  /**
   * As short as can be. With state in memory, a process that takes the place of one that was killed has another
   * transactional id: what that one has left open holds up all readers until it times out.
   */
  private static int transactionTimeoutMs(JsonNode job) {
    return Math.max(DEFAULT_TRANSACTION_TIMEOUT_MS, 2 * job.get("checkpoint_interval_ms").asInt());
  }

  /** What Kafka Streams makes in Kafka for a job has this in its name, by which the harness knows whose it is. */
  private static String applicationId(JsonNode job) {
    return job.get("input_topic").asText() + "." + job.get("engine").asText();
  }

  private static String consumer(String property) {
    return StreamsConfig.mainConsumerPrefix(property);
  }

  private static String producer(String property) {
    return StreamsConfig.producerPrefix(property);
  }
}
