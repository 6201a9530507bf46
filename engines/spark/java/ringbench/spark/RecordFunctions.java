package ringbench.spark;

import java.util.Map;
import org.apache.spark.sql.catalyst.analysis.NoSuchFunctionException;
import org.apache.spark.sql.connector.catalog.FunctionCatalog;
import org.apache.spark.sql.connector.catalog.Identifier;
import org.apache.spark.sql.connector.catalog.functions.UnboundFunction;
import org.apache.spark.sql.util.CaseInsensitiveStringMap;

/**
 * A catalog of functions over messages: {@code is_record}, {@code event_time} and {@code name}; see {@link
 * RecordFunction}. Its option {@code locations} is the pattern of well-formed locations.
 *
 * <p>Unlike user-defined functions in Java or Python, those of a catalog become part of the code that Spark generates.
 */
public final class RecordFunctions implements FunctionCatalog {
  private String catalog;
  private Map<String, UnboundFunction> functions;

  @Override
  public void initialize(String name, CaseInsensitiveStringMap options) {
    catalog = name;
    functions =
        Map.of(
            "is_record", new RecordFunction.IsRecord(options.get("locations")),
            "event_time", new RecordFunction.EventTime(),
            "name", new RecordFunction.Name());
  }

  @Override
  public String name() {
    return catalog;
  }

  @Override
  public Identifier[] listFunctions(String[] namespace) {
    return functions.keySet().stream().map(each -> Identifier.of(namespace, each)).toArray(Identifier[]::new);
  }

  @Override
  public UnboundFunction loadFunction(Identifier identifier) throws NoSuchFunctionException {
    UnboundFunction found = functions.get(identifier.name());
    if (found == null) {
      throw new NoSuchFunctionException(identifier);
    }
    return found;
  }
}
