package ringbench.hazelcast;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.hazelcast.config.Config;
import com.hazelcast.core.Hazelcast;
import com.hazelcast.core.HazelcastException;
import com.hazelcast.core.HazelcastInstance;
import com.hazelcast.jet.Job;
import com.hazelcast.jet.core.JobStatus;
import java.io.BufferedReader;
import java.io.File;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.concurrent.CompletionException;
import java.util.concurrent.TimeUnit;

/**
 * The life of one member's process.
 *
 * <p>It tells the launcher (engines/hazelcast/main.py) what it sees, a JSON object a line, and obeys it, a word a line:
 * {@code suspend} ends the job with a last snapshot, {@code end} the process.
 */
public final class Main {
  static final int MEMBERS = 2;

  private static final long REPORT_INTERVAL_MS = 250;
  private static final long POLL_INTERVAL_MS = 10;
  private static final long SUSPEND_TIMEOUT_NS = TimeUnit.SECONDS.toNanos(12);

  private final ObjectMapper json = new ObjectMapper();
  private final PrintStream out;
  private final JsonNode spec;
  private final Totals totals = new Totals();
  private final HazelcastInstance member;
  private volatile Job job;

  /** Runs a member. The arguments: the job's file, with every setting in it; the pattern of its locations; whom to join. */
  public static void main(String[] arguments) throws IOException {
    // Whatever else is printed lands in the log.
    PrintStream out = System.out;
    System.setOut(new PrintStream(System.err, true));
    try {
      JsonNode spec = new ObjectMapper().readTree(new File(arguments[0]));
      new Main(out, spec, arguments[1], arguments.length > 2 ? arguments[2] : "").run();
    } catch (Exception error) {
      error.printStackTrace();
      Runtime.getRuntime().halt(1);
    }
  }

  private Main(PrintStream out, JsonNode spec, String locations, String other) {
    this.out = out;
    this.spec = spec;
    Config config = Settings.ofMember(spec, other);
    new Local(spec, locations, totals).keepIn(config);
    member = Hazelcast.newHazelcastInstance(config);
  }

  private void run() throws IOException, InterruptedException {
    var address = member.getCluster().getLocalMember().getAddress();
    tell(Map.of("address", address.getHost() + ":" + address.getPort(), "config", effective()));
    Thread obeying = new Thread(this::obey, "orders");
    obeying.setDaemon(true);
    obeying.start();
    while (true) {
      report(status());
      Thread.sleep(REPORT_INTERVAL_MS);
    }
  }

  /** The member that leads submits the job, once all are there and have copies of each other; the others find it. */
  private Job findOrSubmit() {
    Job found = member.getJet().getJob(Settings.name(spec));
    var members = member.getCluster().getMembers();
    boolean leads = members.iterator().next().localMember();
    if (found == null && leads && members.size() >= MEMBERS && member.getPartitionService().isClusterSafe()) {
      found = member.getJet().newJobIfAbsent(Counting.dag(Settings.localParallelism(spec)), Settings.ofJob(spec));
    }
    return found;
  }

  /** The job's status; null if there is no job yet, or if the member that led is gone and no other one leads yet. */
  private synchronized JobStatus status() {
    try {
      if (job == null) {
        job = findOrSubmit();
      }
      return job == null ? null : job.getStatus();
    } catch (HazelcastException error) {
      System.err.println("the job's status cannot be told: " + error);
      return null;
    }
  }

  private void report(JobStatus status) throws IOException {
    Map<String, Object> found = new HashMap<>(totals.read());
    found.put("execution", totals.execution);
    found.put("status", status == null ? "" : status.name());
    if (status == JobStatus.FAILED) {
      found.put("error", failure(job));
    }
    tell(found);
  }

  private static String failure(Job failed) {
    try {
      failed.join();
      return "the job has ended by itself";
    } catch (CompletionException error) {
      return String.valueOf(error.getCause());
    }
  }

  private void obey() {
    try (BufferedReader orders = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.US_ASCII))) {
      for (String order; (order = orders.readLine()) != null; ) {
        switch (order) {
          case "suspend" -> suspend();
          case "end" -> end();
          default -> throw new IllegalArgumentException("unknown order: " + order);
        }
      }
    } catch (Exception error) {
      error.printStackTrace();
      Runtime.getRuntime().halt(1);
    }
    // The launcher is gone.
    Runtime.getRuntime().halt(1);
  }

  /** The last snapshot is there, and all that it follows from is published, when the job is suspended. */
  private void suspend() throws IOException, InterruptedException {
    boolean isAsked = false;
    long deadlineNs = System.nanoTime() + SUSPEND_TIMEOUT_NS;
    JobStatus status = status();
    while (status != JobStatus.SUSPENDED && System.nanoTime() < deadlineNs) {
      isAsked = isAsked || (status == JobStatus.RUNNING && askToSuspend());
      Thread.sleep(POLL_INTERVAL_MS);
      status = status();
    }
    report(status);
  }

  /** A job that is just beginning again cannot be suspended yet. */
  private boolean askToSuspend() {
    try {
      job.suspend();
      return true;
    } catch (IllegalStateException | HazelcastException error) {
      return false;
    }
  }

  private void end() throws IOException {
    System.err.println(totals.repeated.sum() + " records came again after a restart, and were not counted again");
    report(status());
    Runtime.getRuntime().halt(0);
  }

  private synchronized void tell(Map<String, ?> fields) throws IOException {
    out.println(json.writeValueAsString(fields));
    out.flush();
  }

  /** What is in effect, as the member's own configuration and the JVM tell it. */
  private Map<String, Object> effective() {
    var config = member.getConfig();
    Map<String, Object> found = new LinkedHashMap<>();
    found.put("version", member.getCluster().getLocalMember().getVersion().toString());
    found.put("jet.cooperative-thread-count", config.getJetConfig().getCooperativeThreadCount());
    found.put("jet.backup-count", config.getJetConfig().getBackupCount());
    found.put("processing-guarantee", Settings.ofJob(spec).getProcessingGuarantee().name());
    found.put("snapshot-interval-ms", Settings.ofJob(spec).getSnapshotIntervalMillis());
    found.put("processors_of_a_kind", Settings.localParallelism(spec));
    found.put("java.version", System.getProperty("java.version"));
    return found;
  }
}
