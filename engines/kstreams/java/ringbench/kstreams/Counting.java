package ringbench.kstreams;

import com.fasterxml.jackson.databind.JsonNode;
import java.time.Duration;
import java.util.Set;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.common.serialization.Serde;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.common.utils.Bytes;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.Topology;
import org.apache.kafka.streams.kstream.Consumed;
import org.apache.kafka.streams.kstream.KStream;
import org.apache.kafka.streams.kstream.Produced;
import org.apache.kafka.streams.kstream.Repartitioned;
import org.apache.kafka.streams.processor.api.Processor;
import org.apache.kafka.streams.processor.api.ProcessorSupplier;
import org.apache.kafka.streams.state.KeyValueBytesStoreSupplier;
import org.apache.kafka.streams.state.KeyValueStore;
import org.apache.kafka.streams.state.StoreBuilder;
import org.apache.kafka.streams.state.Stores;
import ringbench.RecordReader;

/**
 * The query: counts per second, county, operator and type; malformed lines apart.
 *
 * <p>One task for each partition of the input sorts its lines and drops what is late. What is left goes by cell through a
 * topic of Kafka Streams' own to the tasks that count.
 */
final class Counting {
  private static final Serde<byte[]> BYTES = Serdes.ByteArray();

  private final JsonNode job;
  private final RecordReader reader;
  private final Totals totals;

  Counting(JsonNode job, RecordReader reader, Totals totals) {
    this.job = job;
    this.reader = reader;
    this.totals = totals;
  }

  Topology topology() {
    StreamsBuilder builder = new StreamsBuilder();
    long latenessMs = job.get("allowed_lateness_ms").asLong();
    KStream<byte[], byte[]> sorted =
        builder
            .stream(text("input_topic"), Consumed.with(BYTES, BYTES).withTimestampExtractor(this::eventTimeMs))
            .process(() -> new Sorter(reader, latenessMs, totals));
    sorted.filter((cell, line) -> cell == null).to(text("dead_letter_topic"), Produced.with(BYTES, BYTES));
    sorted
        .filter((cell, origin) -> cell != null)
        .repartition(Repartitioned.with(BYTES, BYTES).withName("cells"))
        .process(new Counters())
        .to(text("output_topic"), Produced.with(BYTES, BYTES));
    return builder.build();
  }

  /** A record's event time. What is no record has the greatest one before it, so that it moves no watermark. */
  private long eventTimeMs(ConsumerRecord<Object, Object> message, long greatestMs) {
    byte[] line = (byte[]) message.value();
    return reader.isRecord(line) ? RecordReader.eventTimeMs(line) : Math.max(0, greatestMs);
  }

  private String text(String key) {
    return job.get(key).asText();
  }

  /** Makes counters, each with the store that it counts in. */
  private final class Counters implements ProcessorSupplier<byte[], byte[], byte[], byte[]> {
    private final JsonNode settings = job.get("settings");

    @Override
    public Processor<byte[], byte[], byte[], byte[]> get() {
      Duration timeToLive = ms("state_ttl_ms").plusMillis(job.get("allowed_lateness_ms").asLong());
      return new Counter(ms("flush_interval_ms"), timeToLive, totals, Settings.isExactlyOnce(job));
    }

    private Duration ms(String setting) {
      return Duration.ofMillis(settings.get(setting).asLong());
    }

    @Override
    public Set<StoreBuilder<?>> stores() {
      StoreBuilder<KeyValueStore<Bytes, byte[]>> counts =
          Stores.keyValueStoreBuilder(store(settings.get("state_store").asText()), Serdes.Bytes(), BYTES);
      return Set.of(counts.withCachingEnabled());
    }

    private KeyValueBytesStoreSupplier store(String kind) {
      return switch (kind) {
        case "memory" -> Stores.inMemoryKeyValueStore(Counter.STORE);
        case "rocksdb" -> Stores.persistentKeyValueStore(Counter.STORE);
        default -> throw new IllegalArgumentException("state_store: expected memory or rocksdb, found " + kind);
      };
    }
  }
}
