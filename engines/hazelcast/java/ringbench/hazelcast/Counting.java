package ringbench.hazelcast;

import com.hazelcast.function.FunctionEx;
import com.hazelcast.function.SupplierEx;
import com.hazelcast.jet.core.DAG;
import com.hazelcast.jet.core.Edge;
import com.hazelcast.jet.core.Processor;
import com.hazelcast.jet.core.Vertex;
import java.util.Map;

/**
 * The query: counts per second, county, operator and type; malformed lines apart.
 *
 * <p>Readers sort the lines, and drop what is late. What is left goes by cell to counters on both members. Their counts go
 * to the writers beside them.
 */
final class Counting {
  private Counting() {}

  /** The job's graph, with so many processors of each kind on each member. */
  static DAG dag(int localParallelism) {
    DAG dag = new DAG();
    Vertex read = vertex(dag, "read", Reader::new, localParallelism);
    Vertex count = vertex(dag, "count", Counter::new, localParallelism);
    Vertex upserts = vertex(dag, "write-upserts", () -> new Writer("output_topic"), localParallelism);
    Vertex deadLetters = vertex(dag, "write-dead-letters", () -> new Writer("dead_letter_topic"), localParallelism);
    FunctionEx<Map.Entry<String, byte[]>, String> cell = Map.Entry::getKey;
    dag.edge(Edge.from(read, Reader.CELLS).to(count).partitioned(cell).distributed());
    dag.edge(Edge.from(read, Reader.DEAD_LETTERS).to(deadLetters).isolated());
    dag.edge(Edge.between(count, upserts).isolated());
    return dag;
  }

  private static Vertex vertex(DAG dag, String name, SupplierEx<Processor> make, int localParallelism) {
    return dag.newVertex(name, make).localParallelism(localParallelism);
  }
}
