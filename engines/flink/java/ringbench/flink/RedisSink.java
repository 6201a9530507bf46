package ringbench.flink;

import java.net.URI;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import org.apache.flink.api.common.operators.ProcessingTimeService;
import org.apache.flink.api.connector.sink2.Sink;
import org.apache.flink.api.connector.sink2.SinkWriter;
import org.apache.flink.api.connector.sink2.WriterInitContext;
import org.apache.flink.table.data.RowData;
import redis.clients.jedis.DefaultJedisClientConfig;
import redis.clients.jedis.Jedis;
import redis.clients.jedis.Transaction;
import redis.clients.jedis.exceptions.JedisDataException;
import redis.clients.jedis.params.XAddParams;
import redis.clients.jedis.util.JedisURIHelper;

/**
 * Writes upserts of (cell, count) to Redis.
 *
 * <p>Each task joins a cell's upserts for a while, as Flink's upsert-kafka does, and then makes them visible in one
 * transaction: that of engines/contract/keys.py, whence all names come, too, as options. Every checkpoint flushes first,
 * so that nothing that it covers can be lost; counts are absolute, so that what is written again does no harm.
 *
 * @param options the table's options, by name
 */
record RedisSink(Map<String, String> options) implements Sink<RowData> {
  static final String URL = "url";
  static final String USERNAME = "username";
  static final String PASSWORD = "password";
  static final String CA_FILE = "ca-file";
  static final String WINDOW_PREFIX = "window-prefix";
  static final String UPDATES_KEY = "updates-key";
  static final String UPDATES_FIELD = "updates-field";
  static final String STREAM_LENGTH = "stream-length";
  static final String EXPIRE_S = "expire-s";
  static final String FLUSH_INTERVAL_MS = "flush-interval-ms";
  static final String FLUSH_ROWS = "flush-rows";

  @Override
  public SinkWriter<RowData> createWriter(WriterInitContext context) {
    return new Writer(options, context.getProcessingTimeService());
  }

  /** The sink of one task: one connection, which the task's own thread alone makes use of. */
  private static final class Writer implements SinkWriter<RowData>, ProcessingTimeService.ProcessingTimeCallback {
    private final Map<String, String> options;
    private final long expireS;
    private final long flushIntervalMs;
    private final int flushRows;
    private final XAddParams trimmed;
    private final ProcessingTimeService clock;
    private final Jedis redis;
    private final Map<String, String> counts = new HashMap<>();
    private int rows;

    Writer(Map<String, String> options, ProcessingTimeService clock) {
      this.options = options;
      this.clock = clock;
      expireS = Long.parseLong(options.get(EXPIRE_S));
      flushIntervalMs = Long.parseLong(options.get(FLUSH_INTERVAL_MS));
      flushRows = Integer.parseInt(options.get(FLUSH_ROWS));
      trimmed = XAddParams.xAddParams().maxLen(Long.parseLong(options.get(STREAM_LENGTH))).approximateTrimming();
      redis = connect(options);
      flushLater();
    }

    /** A connection; over TLS, the server's name must be that of its certificate. */
    private static Jedis connect(Map<String, String> options) {
      URI url = URI.create(options.get(URL));
      DefaultJedisClientConfig.Builder config =
          DefaultJedisClientConfig.builder()
              .user(emptyToNull(options.get(USERNAME)))
              .password(emptyToNull(options.get(PASSWORD)))
              .database(JedisURIHelper.getDBIndex(url));
      if (JedisURIHelper.isRedisSSLScheme(url)) {
        config.sslOptions(Authorities.trusting(options.get(CA_FILE)));
      }
      return new Jedis(JedisURIHelper.getHostAndPort(url), config.build());
    }

    private static String emptyToNull(String text) {
      return text.isEmpty() ? null : text;
    }

    @Override
    public void write(RowData row, Context context) {
      counts.put(row.getString(0).toString(), row.getString(1).toString());
      if (++rows >= flushRows) {
        flush(false);
      }
    }

    @Override
    public void onProcessingTime(long timeMs) {
      flush(false);
      flushLater();
    }

    private void flushLater() {
      clock.registerTimer(clock.getCurrentProcessingTime() + flushIntervalMs, this);
    }

    @Override
    public void flush(boolean isEndOfInput) {
      if (!counts.isEmpty()) {
        transact();
        counts.clear();
        rows = 0;
      }
    }

    private void transact() {
      Transaction transaction = redis.multi();
      windows().forEach(
          (window, fields) -> {
            transaction.hset(window, fields);
            transaction.expire(window, expireS);
          });
      String updates =
          counts.entrySet().stream().map(each -> each.getKey() + "=" + each.getValue()).collect(Collectors.joining("\n"));
      transaction.xadd(options.get(UPDATES_KEY), Map.of(options.get(UPDATES_FIELD), updates), trimmed);
      raiseRefusal(transaction.exec());
    }

    /** Counts by the hash that they belong to, and by field. */
    private Map<String, Map<String, String>> windows() {
      Map<String, Map<String, String>> windows = new HashMap<>();
      counts.forEach(
          (cell, count) -> {
            int separator = cell.indexOf('|');
            String window = options.get(WINDOW_PREFIX) + cell.substring(0, separator);
            windows.computeIfAbsent(window, each -> new HashMap<>()).put(cell.substring(separator + 1), count);
          });
      return windows;
    }

    /** Raises the first command's error: Jedis hands errors within a transaction back as if they were answers. */
    private static void raiseRefusal(List<Object> answers) {
      for (Object answer : answers) {
        if (answer instanceof JedisDataException refusal) {
          throw refusal;
        }
      }
    }

    @Override
    public void close() {
      redis.close();
    }
  }
}
