package ringbench.flink;

import java.io.DataOutputStream;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.Objects;
import java.util.concurrent.ConcurrentHashMap;
import org.apache.flink.api.python.shaded.py4j.CallbackClient;
import org.apache.flink.api.python.shaded.py4j.GatewayServer;

/**
 * What Python reaches this JVM by, in place of PyFlink's own {@code PythonGatewayServer}: that one does whatever any
 * user of the machine asks for, this one whatever its parent does, who alone knows the secret.
 */
public final class Gateway {
  /** The secret is in the environment, which no other user of the machine can read. */
  private static final String SECRET = "RINGBENCH_GATEWAY_SECRET";
  private static final String CONNECTION_FILE = "_PYFLINK_CONN_INFO_PATH";

  private Gateway() {}

  /** Serves until the parent, which holds the other end of standard input, has ended. */
  public static void main(String[] arguments) throws IOException {
    // Nothing here calls Python back.
    CallbackClient nobody = new CallbackClient(0);
    GatewayServer server =
        new GatewayServer.GatewayServerBuilder()
            .gateway(new org.apache.flink.api.python.shaded.py4j.Gateway(new ConcurrentHashMap<>(), nobody))
            .javaPort(0)
            .authToken(Objects.requireNonNull(System.getenv(SECRET)))
            .build();
    server.start(true);
    tell(server.getListeningPort());
    while (System.in.read() >= 0) {
      // Nobody writes.
    }
    System.exit(0);
  }

  /** Puts the port where Python looks for it, all of it at once. */
  private static void tell(int port) throws IOException {
    Path target = Path.of(System.getenv(CONNECTION_FILE));
    Path part = Files.createTempFile(target.getParent(), "connection", ".info");
    try (DataOutputStream file = new DataOutputStream(Files.newOutputStream(part))) {
      file.writeInt(port);
    }
    Files.move(part, target, StandardCopyOption.ATOMIC_MOVE);
  }
}
