package ringbench.hazelcast;

import com.fasterxml.jackson.databind.JsonNode;
import com.hazelcast.config.Config;
import com.hazelcast.jet.core.Processor;
import java.util.HashMap;
import java.util.Map;
import org.apache.kafka.clients.CommonClientConfigs;

/**
 * What a member's processors find on their own member: the job, the pattern of its locations, and the totals.
 *
 * <p>The job may hold a password, and so goes by a private file to each member, and not along with what Jet distributes.
 */
record Local(JsonNode job, String locations, Totals totals) {
  private static final String KEY = "ringbench";

  static Local of(Processor.Context context) {
    return (Local) context.hazelcastInstance().getUserContext().get(KEY);
  }

  /** Lets processors find this on the member that will have this configuration. */
  void keepIn(Config config) {
    config.getUserContext().put(KEY, this);
  }

  String text(String key) {
    return job.get(key).asText();
  }

  long number(String key) {
    return job.get(key).asLong();
  }

  int setting(String name) {
    return job.get("settings").get(name).asInt();
  }

  /** How a client gets into Kafka. */
  Map<String, Object> kafka() {
    Map<String, Object> found = new HashMap<>();
    job.get("kafka_properties").properties().forEach(each -> found.put(each.getKey(), each.getValue().asText()));
    found.put(CommonClientConfigs.BOOTSTRAP_SERVERS_CONFIG, text("bootstrap_servers"));
    return found;
  }
}
