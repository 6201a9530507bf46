package ringbench.kstreams;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.PrintStream;
import java.util.LinkedHashMap;
import java.util.Map;

/** Prints the events of engines/contract/events.py, one JSON object a line. */
final class Events {
  private final ObjectMapper json = new ObjectMapper();
  private final PrintStream out;

  Events(PrintStream out) {
    this.out = out;
  }

  synchronized void send(String kind, Map<String, ?> fields) {
    Map<String, Object> event = new LinkedHashMap<>(Map.of("event", kind, "at_ms", System.currentTimeMillis()));
    event.putAll(fields);
    try {
      out.println(json.writeValueAsString(event));
    } catch (JsonProcessingException error) {
      throw new IllegalArgumentException("an event's fields cannot be written as JSON", error);
    }
    out.flush();
  }
}
