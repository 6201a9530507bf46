package ringbench.spark;

import org.apache.spark.sql.Row;
import org.apache.spark.sql.streaming.StateOperatorProgress;
import org.apache.spark.sql.streaming.StreamingQueryListener;

/**
 * Totals since the start, summed over micro-batches. A listener in Python would be sent each micro-batch's progress by
 * some hundred calls between the two processes.
 */
public final class Totals extends StreamingQueryListener {
  private final String metrics;
  private long records;
  private long malformed;
  private boolean hasDroppedLate;

  /** Sums up observed metrics of the given name: records, and those of them that are malformed. */
  public Totals(String metrics) {
    this.metrics = metrics;
  }

  @Override
  public void onQueryStarted(QueryStartedEvent event) {}

  @Override
  public synchronized void onQueryProgress(QueryProgressEvent event) {
    Row observed = event.progress().observedMetrics().get(metrics);
    if (observed != null) {
      records += observed.getLong(0);
      malformed += observed.getLong(1);
    }
    for (StateOperatorProgress operator : event.progress().stateOperators()) {
      hasDroppedLate |= operator.numRowsDroppedByWatermark() > 0;
    }
  }

  @Override
  public void onQueryTerminated(QueryTerminatedEvent event) {}

  public synchronized long records() {
    return records;
  }

  public synchronized long malformed() {
    return malformed;
  }

  /** Whether any late record was dropped. How many is not known: Spark counts rows that it has aggregated in part. */
  public synchronized boolean hasDroppedLate() {
    return hasDroppedLate;
  }
}
