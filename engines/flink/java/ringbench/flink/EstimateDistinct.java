package ringbench.flink;

import org.apache.flink.table.functions.AggregateFunction;
import org.apache.flink.table.runtime.functions.aggregate.hyperloglog.HllBuffer;
import org.apache.flink.table.runtime.functions.aggregate.hyperloglog.HyperLogLogPlusPlus;
import org.apache.flink.table.runtime.functions.aggregate.hyperloglog.XXH64;

/**
 * About how many different telephone numbers there are, by Flink's own HyperLogLog++. SQL offers that to batch jobs only:
 * the class behind {@code APPROX_COUNT_DISTINCT} relies on the order in which these call it.
 */
public final class EstimateDistinct extends AggregateFunction<Long, HllBuffer> {
  private static final long serialVersionUID = 1;

  /** Relative standard error, of which docs/queries.md makes the tolerance. It has no state. */
  private static final HyperLogLogPlusPlus ESTIMATOR = new HyperLogLogPlusPlus(0.01);

  @Override
  public HllBuffer createAccumulator() {
    HllBuffer registers = new HllBuffer();
    registers.array = new long[ESTIMATOR.getNumWords()];
    return registers;
  }

  /** Adds a number in E.164 form. */
  public void accumulate(HllBuffer registers, String number) {
    ESTIMATOR.updateByHashcode(registers, XXH64.hashLong(Long.parseLong(number.substring(1)), XXH64.DEFAULT_SEED));
  }

  public void merge(HllBuffer registers, Iterable<HllBuffer> others) {
    for (HllBuffer other : others) {
      ESTIMATOR.merge(registers, other);
    }
  }

  @Override
  public Long getValue(HllBuffer registers) {
    return ESTIMATOR.query(registers);
  }
}
