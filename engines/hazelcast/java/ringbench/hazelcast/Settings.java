package ringbench.hazelcast;

import com.fasterxml.jackson.databind.JsonNode;
import com.hazelcast.config.Config;
import com.hazelcast.config.JoinConfig;
import com.hazelcast.config.NetworkConfig;
import com.hazelcast.jet.config.JobConfig;
import com.hazelcast.jet.config.ProcessingGuarantee;
import com.hazelcast.spi.properties.ClusterProperty;

/** A member's configuration, and the job's. */
final class Settings {
  /** How many members have a copy of a snapshot's entry besides the one that owns it. */
  static final int BACKUPS = 1;

  private static final String LOOPBACK = "127.0.0.1";

  private Settings() {}

  /** How many processors of a kind each member has. */
  static int localParallelism(JsonNode job) {
    return (job.get("parallelism").asInt() + Main.MEMBERS - 1) / Main.MEMBERS;
  }

  /** What this job's cluster is called, and the job in it. */
  static String name(JsonNode job) {
    return job.get("input_topic").asText() + "." + job.get("engine").asText();
  }

  /** The configuration of a member that joins the one at {@code other}, HOST:PORT; empty for the first one. */
  static Config ofMember(JsonNode job, String other) {
    Config config = new Config();
    config.setClusterName(name(job));
    joinOnLoopback(config.getNetworkConfig(), other);
    config.getJetConfig().setEnabled(true).setBackupCount(BACKUPS);
    config.getJetConfig().setCooperativeThreadCount(localParallelism(job));
    config.setProperty(ClusterProperty.SOCKET_SERVER_BIND_ANY.getName(), "false");
    config.setProperty(ClusterProperty.PHONE_HOME_ENABLED.getName(), "false");
    config.setProperty(ClusterProperty.HEALTH_MONITORING_LEVEL.getName(), "OFF");
    config.setProperty(ClusterProperty.LOGGING_TYPE.getName(), "slf4j");
    config.setProperty(ClusterProperty.SHUTDOWNHOOK_ENABLED.getName(), "false");
    // The other members of this cluster are known: none has to be waited for before a join is granted.
    config.setProperty(ClusterProperty.WAIT_SECONDS_BEFORE_JOIN.getName(), "0");
    String longestIdleUs = job.get("settings").get("longest_idle_us").asText();
    config.setProperty(ClusterProperty.JET_IDLE_COOPERATIVE_MAX_MICROSECONDS.getName(), longestIdleUs);
    config.setProperty(ClusterProperty.JET_IDLE_NONCOOPERATIVE_MAX_MICROSECONDS.getName(), longestIdleUs);
    return config;
  }

  private static void joinOnLoopback(NetworkConfig network, String other) {
    // Any port that is free: the launcher is told which.
    network.setPort(0).setPortAutoIncrement(false);
    network.getInterfaces().setEnabled(true).addInterface(LOOPBACK);
    JoinConfig join = network.getJoin();
    join.getAutoDetectionConfig().setEnabled(false);
    join.getMulticastConfig().setEnabled(false);
    join.getTcpIpConfig().setEnabled(true);
    if (!other.isEmpty()) {
      join.getTcpIpConfig().addMember(other);
    }
  }

  /** A job that goes on from its last snapshot when a member is lost, and again when there is another one. */
  static JobConfig ofJob(JsonNode job) {
    return new JobConfig()
        .setName(name(job))
        .setProcessingGuarantee(ProcessingGuarantee.AT_LEAST_ONCE)
        .setSnapshotIntervalMillis(job.get("checkpoint_interval_ms").asLong())
        .setAutoScaling(true);
  }
}
