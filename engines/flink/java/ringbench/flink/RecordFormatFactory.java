package ringbench.flink;

import java.util.Set;
import org.apache.flink.api.common.serialization.DeserializationSchema;
import org.apache.flink.configuration.ConfigOption;
import org.apache.flink.configuration.ConfigOptions;
import org.apache.flink.configuration.ReadableConfig;
import org.apache.flink.table.connector.ChangelogMode;
import org.apache.flink.table.connector.format.DecodingFormat;
import org.apache.flink.table.connector.source.DynamicTableSource;
import org.apache.flink.table.data.RowData;
import org.apache.flink.table.factories.DeserializationFormatFactory;
import org.apache.flink.table.factories.DynamicTableFactory;
import org.apache.flink.table.factories.FactoryUtil;
import org.apache.flink.table.types.DataType;

/**
 * The format {@code cdr}: each message as one row of the columns {@code line BYTES, event_time TIMESTAMP_LTZ(3)}, and those
 * that its option {@code rows} asks for. {@code cells}: {@code cell STRING, window_end TIMESTAMP_LTZ(3)}. {@code fields}:
 * {@code event_ms BIGINT, caller STRING, callee STRING, location STRING, kind STRING}. See {@link RecordDeserializer}.
 */
public final class RecordFormatFactory implements DeserializationFormatFactory {
  private static final ConfigOption<String> LOCATIONS = ConfigOptions.key("locations").stringType().noDefaultValue();
  private static final ConfigOption<RecordDeserializer.Rows> ROWS =
      ConfigOptions.key("rows").enumType(RecordDeserializer.Rows.class).noDefaultValue();

  @Override
  public String factoryIdentifier() {
    return "cdr";
  }

  @Override
  public Set<ConfigOption<?>> requiredOptions() {
    return Set.of(LOCATIONS, ROWS);
  }

  @Override
  public Set<ConfigOption<?>> optionalOptions() {
    return Set.of();
  }

  @Override
  public DecodingFormat<DeserializationSchema<RowData>> createDecodingFormat(
      DynamicTableFactory.Context context, ReadableConfig options) {
    FactoryUtil.validateFactoryOptions(this, options);
    return new RecordFormat(options.get(LOCATIONS), options.get(ROWS));
  }

  private record RecordFormat(String locations, RecordDeserializer.Rows rows)
      implements DecodingFormat<DeserializationSchema<RowData>> {
    @Override
    public DeserializationSchema<RowData> createRuntimeDecoder(DynamicTableSource.Context context, DataType row) {
      return new RecordDeserializer(locations, rows, context.createTypeInformation(row));
    }

    @Override
    public ChangelogMode getChangelogMode() {
      return ChangelogMode.insertOnly();
    }
  }
}
