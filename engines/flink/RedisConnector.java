package ringbench;

import java.net.URI;
import java.util.Collections;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.apache.flink.api.common.operators.ProcessingTimeService;
import org.apache.flink.api.connector.sink2.Sink;
import org.apache.flink.api.connector.sink2.SinkWriter;
import org.apache.flink.api.connector.sink2.WriterInitContext;
import org.apache.flink.configuration.ConfigOptions;
import org.apache.flink.table.connector.ChangelogMode;
import org.apache.flink.table.connector.sink.DynamicTableSink;
import org.apache.flink.table.connector.sink.SinkV2Provider;
import org.apache.flink.table.data.RowData;
import org.apache.flink.table.factories.DynamicTableFactory;
import org.apache.flink.table.factories.DynamicTableSinkFactory;
import org.apache.flink.types.RowKind;
import redis.clients.jedis.Jedis;
import redis.clients.jedis.Transaction;
import redis.clients.jedis.exceptions.JedisDataException;
import redis.clients.jedis.params.XAddParams;

/**
 * The SQL connector `ringbench-redis`: a sink for upserts of (cell STRING, count STRING). Each of its tasks joins a
 * cell's upserts for a while, as Flink's upsert-kafka does, and then makes them visible in one transaction: that of
 * engines/contract/keys.py, whence it also has all names. Every checkpoint flushes first, so that nothing that it covers
 * can be lost; counts are absolute, so that what is written again does no harm.
 *
 * Janino compiles it when the engine starts. It knows no lambdas and ignores type arguments: hence the raw types.
 */
public class RedisConnector implements DynamicTableSinkFactory {
    static final String[] OPTIONS = {
        "url", "window-prefix", "updates-key", "updates-field", "stream-length", "expire-s", "flush-interval-ms",
        "flush-rows"
    };

    public String factoryIdentifier() {
        return "ringbench-redis";
    }

    public Set requiredOptions() {
        Set options = new HashSet();
        for (int at = 0; at < OPTIONS.length; at++) {
            options.add(ConfigOptions.key(OPTIONS[at]).stringType().noDefaultValue());
        }
        return options;
    }

    public Set optionalOptions() {
        return Collections.emptySet();
    }

    public DynamicTableSink createDynamicTableSink(DynamicTableFactory.Context context) {
        return new Table(new HashMap(context.getCatalogTable().getOptions()));
    }

    /** The table, as Flink's planner sees it. */
    public static class Table implements DynamicTableSink {
        private final HashMap options;

        Table(HashMap options) {
            this.options = options;
        }

        public ChangelogMode getChangelogMode(ChangelogMode requested) {
            return ChangelogMode.newBuilder()
                .addContainedKind(RowKind.INSERT)
                .addContainedKind(RowKind.UPDATE_AFTER)
                .build();
        }

        public DynamicTableSink.SinkRuntimeProvider getSinkRuntimeProvider(DynamicTableSink.Context context) {
            return SinkV2Provider.of(new RedisSink(options));
        }

        public DynamicTableSink copy() {
            return new Table(options);
        }

        public String asSummaryString() {
            return "ringbench-redis";
        }
    }

    /** What is sent to the tasks. */
    public static class RedisSink implements Sink {
        private final HashMap options;

        RedisSink(HashMap options) {
            this.options = options;
        }

        public SinkWriter createWriter(WriterInitContext context) {
            return new Writer(options, context.getProcessingTimeService());
        }
    }

    /** The sink of one task: one connection, used by the task's own thread only. */
    public static class Writer implements SinkWriter, ProcessingTimeService.ProcessingTimeCallback {
        private final String windowPrefix, updatesKey, updatesField;
        private final long expireS, flushIntervalMs;
        private final int flushRows;
        private final XAddParams trimmed;
        private final ProcessingTimeService clock;
        private final Jedis redis;
        private final Map counts = new HashMap();
        private int rows = 0;

        Writer(Map options, ProcessingTimeService clock) {
            windowPrefix = (String) options.get("window-prefix");
            updatesKey = (String) options.get("updates-key");
            updatesField = (String) options.get("updates-field");
            expireS = Long.parseLong((String) options.get("expire-s"));
            flushIntervalMs = Long.parseLong((String) options.get("flush-interval-ms"));
            flushRows = Integer.parseInt((String) options.get("flush-rows"));
            long streamLength = Long.parseLong((String) options.get("stream-length"));
            trimmed = XAddParams.xAddParams().maxLen(streamLength).approximateTrimming();
            redis = new Jedis(URI.create((String) options.get("url")));
            this.clock = clock;
            flushLater();
        }

        public void write(Object element, SinkWriter.Context context) {
            RowData row = (RowData) element;
            counts.put(row.getString(0).toString(), row.getString(1).toString());
            if (++rows >= flushRows) {
                flush(false);
            }
        }

        public void onProcessingTime(long time) {
            flush(false);
            flushLater();
        }

        private void flushLater() {
            clock.registerTimer(clock.getCurrentProcessingTime() + flushIntervalMs, this);
        }

        public void flush(boolean endOfInput) {
            if (!counts.isEmpty()) {
                transact();
                counts.clear();
                rows = 0;
            }
        }

        private void transact() {
            Map windows = new HashMap();
            StringBuilder updates = new StringBuilder();
            for (Iterator each = counts.entrySet().iterator(); each.hasNext();) {
                Map.Entry entry = (Map.Entry) each.next();
                String cell = (String) entry.getKey(), count = (String) entry.getValue();
                int separator = cell.indexOf('|');
                String window = windowPrefix + cell.substring(0, separator);
                if (!windows.containsKey(window)) {
                    windows.put(window, new HashMap());
                }
                ((Map) windows.get(window)).put(cell.substring(separator + 1), count);
                updates.append(updates.length() == 0 ? "" : "\n").append(cell).append('=').append(count);
            }
            Transaction transaction = redis.multi();
            for (Iterator each = windows.entrySet().iterator(); each.hasNext();) {
                Map.Entry window = (Map.Entry) each.next();
                transaction.hset((String) window.getKey(), (Map) window.getValue());
                transaction.expire((String) window.getKey(), expireS);
            }
            transaction.xadd(updatesKey, trimmed, Collections.singletonMap(updatesField, updates.toString()));
            raiseRefusal(transaction.exec());
        }

        /** Raises the first command's error: Jedis hands errors within a transaction back as if they were answers. */
        private static void raiseRefusal(List answers) {
            for (int at = 0; at < answers.size(); at++) {
                if (answers.get(at) instanceof JedisDataException) {
                    throw (JedisDataException) answers.get(at);
                }
            }
        }

        public void close() {
            redis.close();
        }
    }
}
