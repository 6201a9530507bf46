package ringbench.kstreams;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.File;
import java.io.IOException;
import java.io.PrintStream;
import java.time.Duration;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.LockSupport;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.utils.AppInfoParser;
import org.apache.kafka.streams.CloseOptions;
import org.apache.kafka.streams.CloseOptions.GroupMembershipOperation;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.KafkaStreams.State;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.ThreadMetadata;
import org.apache.kafka.streams.errors.StreamsUncaughtExceptionHandler.StreamThreadExceptionResponse;
import org.apache.kafka.streams.processor.StateRestoreListener;
import ringbench.RecordReader;

/**
 * The life of the engine's process: from the job's file to its exit code.
 *
 * <p>SIGTERM runs the shutdown hook, which ends the process itself, since a JVM that dies of a signal has another exit
 * code than 0.
 */
public final class Main {
  private static final long PROGRESS_INTERVAL_MS = 1000;
  private static final Duration STOP_TIMEOUT = Duration.ofSeconds(12);
  private static final Duration DRAIN_TIMEOUT = Duration.ofSeconds(5);
  private static final Duration DRAIN_POLL = Duration.ofMillis(5);

  private final Events events;
  private final JsonNode job;
  private final Totals totals = new Totals();
  private final StreamsConfig config;
  private final KafkaStreams streams;
  private final Restored restored = new Restored();
  private final CountDownLatch running = new CountDownLatch(1);
  private final AtomicBoolean ending = new AtomicBoolean();

  /** Runs a job. The arguments: the job's file, with every setting in it, and the pattern of its locations. */
  public static void main(String[] arguments) throws IOException {
    // Whatever else is printed lands in the log.
    Events events = new Events(System.out);
    System.setOut(new PrintStream(System.err, true));
    try {
      new Main(events, new ObjectMapper().readTree(new File(arguments[0])), RecordReader.of(arguments[1])).run();
    } catch (Exception error) {
      fail(events, error);
    }
  }

  private Main(Events events, JsonNode job, RecordReader reader) {
    this.events = events;
    this.job = job;
    config = new StreamsConfig(Settings.of(job));
    streams = new KafkaStreams(new Counting(job, reader, totals).topology(), config);
    streams.setGlobalStateRestoreListener(restored);
    streams.setStateListener(
        (now, before) -> {
          if (now == State.RUNNING) {
            running.countDown();
          }
        });
    streams.setUncaughtExceptionHandler(
        error -> {
          if (ending.compareAndSet(false, true)) {
            fail(events, error);
          }
          return StreamThreadExceptionResponse.SHUTDOWN_CLIENT;
        });
  }

  private void run() throws InterruptedException {
    Runtime.getRuntime().addShutdownHook(new Thread(this::stop, "stop"));
    streams.start();
    while (!running.await(PROGRESS_INTERVAL_MS, TimeUnit.MILLISECONDS)) {
      events.send("progress", totals.read());
    }
    events.send("ready", Map.of("version", AppInfoParser.getVersion(), "config", effective()));
    while (true) {
      events.send("progress", totals.read());
      Thread.sleep(PROGRESS_INTERVAL_MS);
    }
  }

  private void stop() {
    if (!ending.compareAndSet(false, true)) {
      return;
    }
    publishWhatWasRead();
    boolean inTime =
        streams.close(
            CloseOptions.timeout(STOP_TIMEOUT).withGroupMembershipOperation(GroupMembershipOperation.LEAVE_GROUP));
    if (!inTime) {
      fail(events, new IllegalStateException("the threads did not stop within " + STOP_TIMEOUT.toSeconds() + " s"));
    }
    System.err.println(totals.repeated.sum() + " records came again after a restart, and were not counted again");
    events.send("stopped", totals.read());
    Runtime.getRuntime().halt(0);
  }

  /** Gives records that are on their way to be counted some time to get there. Those left are counted after a restart. */
  private void publishWhatWasRead() {
    long read = totals.sorted.sum();
    long deadlineNs = System.nanoTime() + DRAIN_TIMEOUT.toNanos();
    while (streams.state() == State.RUNNING && totals.published.sum() < read && System.nanoTime() < deadlineNs) {
      LockSupport.parkNanos(DRAIN_POLL.toNanos());
    }
  }

  private static void fail(Events events, Throwable error) {
    error.printStackTrace();
    events.send("failed", Map.of("error", String.valueOf(error)));
    Runtime.getRuntime().halt(1);
  }

  /** What is in effect, as Kafka Streams' own configuration, its running threads and the JVM tell it. */
  private Map<String, Object> effective() {
    var threads = streams.metadataForLocalThreads();
    return Map.of(
        "threads", threads.size(),
        "tasks", threads.stream().map(ThreadMetadata::activeTasks).mapToInt(Set::size).sum(),
        "processing.guarantee", config.getString(StreamsConfig.PROCESSING_GUARANTEE_CONFIG),
        "commit.interval.ms", config.getLong(StreamsConfig.COMMIT_INTERVAL_MS_CONFIG),
        "statestore.cache.max.bytes", config.getLong(StreamsConfig.STATESTORE_CACHE_MAX_BYTES_CONFIG),
        "application.id", config.getString(StreamsConfig.APPLICATION_ID_CONFIG),
        "settings", job.get("settings"),
        "java.version", System.getProperty("java.version"),
        "restored_updates", restored.updates.get(),
        "promises", promises());
  }

  /** What this engine promises: see engines/contract/promises.py. */
  private Map<String, String> promises() {
    JsonNode settings = job.get("settings");
    long keptMs = job.get("allowed_lateness_ms").asLong() + settings.get("state_ttl_ms").asLong();
    return Map.of(
        "delivery", "records exactly once, upserts " + job.get("delivery").asText().replace("-", " "),
        "checkpoints", "every " + job.get("checkpoint_interval_ms").asLong() + " ms, to topics of its own",
        "state_kept", keptMs + " ms by the clock",
        "upserts_joined", settings.get("flush_interval_ms").asLong() + " ms",
        "heap", settings.get("heap").asText());
  }

  /** Counts what is read from changelogs before the job goes on; 0 at its first start. */
  private static final class Restored implements StateRestoreListener {
    private final AtomicLong updates = new AtomicLong();

    @Override
    public void onRestoreStart(TopicPartition changelog, String store, long from, long to) {}

    @Override
    public void onBatchRestored(TopicPartition changelog, String store, long at, long count) {
      updates.addAndGet(count);
    }

    @Override
    public void onRestoreEnd(TopicPartition changelog, String store, long total) {}
  }
}
