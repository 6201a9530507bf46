package ringbench.flink;

import java.util.HashMap;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.apache.flink.configuration.ConfigOption;
import org.apache.flink.configuration.ConfigOptions;
import org.apache.flink.table.connector.ChangelogMode;
import org.apache.flink.table.connector.sink.DynamicTableSink;
import org.apache.flink.table.connector.sink.SinkV2Provider;
import org.apache.flink.table.factories.DynamicTableSinkFactory;
import org.apache.flink.table.factories.FactoryUtil;
import org.apache.flink.types.RowKind;

/** The connector {@code redis}: a sink for upserts of {@code cell STRING, records STRING}; see {@link RedisSink}. */
public final class RedisTableFactory implements DynamicTableSinkFactory {
  private static final Set<String> OPTIONS =
      Set.of(
          RedisSink.URL,
          RedisSink.USERNAME,
          RedisSink.PASSWORD,
          RedisSink.CA_FILE,
          RedisSink.WINDOW_PREFIX,
          RedisSink.UPDATES_KEY,
          RedisSink.UPDATES_FIELD,
          RedisSink.STREAM_LENGTH,
          RedisSink.EXPIRE_S,
          RedisSink.FLUSH_INTERVAL_MS,
          RedisSink.FLUSH_ROWS);

  @Override
  public String factoryIdentifier() {
    return "redis";
  }

  @Override
  public Set<ConfigOption<?>> requiredOptions() {
    Stream<ConfigOption<?>> options = OPTIONS.stream().map(each -> ConfigOptions.key(each).stringType().noDefaultValue());
    return options.collect(Collectors.toSet());
  }

  @Override
  public Set<ConfigOption<?>> optionalOptions() {
    return Set.of();
  }

  @Override
  public DynamicTableSink createDynamicTableSink(Context context) {
    FactoryUtil.createTableFactoryHelper(this, context).validate();
    return new RedisTable(new HashMap<>(context.getCatalogTable().getOptions()));
  }

  private record RedisTable(Map<String, String> options) implements DynamicTableSink {
    @Override
    public ChangelogMode getChangelogMode(ChangelogMode requested) {
      return ChangelogMode.newBuilder()
          .addContainedKind(RowKind.INSERT)
          .addContainedKind(RowKind.UPDATE_AFTER)
          .build();
    }

    @Override
    public SinkRuntimeProvider getSinkRuntimeProvider(Context context) {
      return SinkV2Provider.of(new RedisSink(options));
    }

    @Override
    public DynamicTableSink copy() {
      return this;
    }

    @Override
    public String asSummaryString() {
      return "redis";
    }
  }
}
