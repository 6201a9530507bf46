package ringbench.spark;

import java.util.HashMap;
import java.util.Map;
import org.apache.spark.sql.catalyst.analysis.NoSuchFunctionException;
import org.apache.spark.sql.connector.catalog.FunctionCatalog;
import org.apache.spark.sql.connector.catalog.Identifier;
import org.apache.spark.sql.connector.catalog.functions.UnboundFunction;
import org.apache.spark.sql.util.CaseInsensitiveStringMap;
import ringbench.RecordReader;

/**
 * A catalog of functions over messages: {@code is_record}, {@code event_time}, {@code name}, and one for each {@link
 * RecordReader.Field}, by its name in lower case; see {@link RecordFunction}. Those that count what they are given, {@code
 * tally_line}, {@code tally_upsert} and {@code tally_dead_letter}, are in {@link TallyFunction}. Its option {@code
 * locations} is the pattern of well-formed locations.
 *
 * <p>Unlike user-defined functions in Java or Python, those of a catalog become part of the code that Spark generates.
 */
public final class RecordFunctions implements FunctionCatalog {
  private String catalog;
  private Map<String, UnboundFunction> functions;

  @Override
  public void initialize(String name, CaseInsensitiveStringMap options) {
    catalog = name;
    functions = new HashMap<>();
    functions.put("is_record", new RecordFunction.IsRecord(options.get("locations")));
    functions.put("tally_line", new TallyFunction.Line(options.get("locations")));
    functions.put("tally_upsert", new TallyFunction.Upsert());
    functions.put("tally_dead_letter", new TallyFunction.DeadLetter());
    functions.put("event_time", new RecordFunction.EventTime());
    functions.put("name", new RecordFunction.Name());
    for (RecordReader.Field field : RecordReader.Field.values()) {
      RecordFunction.OfField function = new RecordFunction.OfField(field);
      functions.put(function.name(), function);
    }
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
