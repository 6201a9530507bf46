package ringbench.hazelcast;

import java.nio.charset.StandardCharsets;

/** Cells' keys: text on the way to be counted, because Jet tells equal keys by {@code equals}; else bytes. */
final class Cells {
  private Cells() {}

  static String text(byte[] key) {
    return new String(key, StandardCharsets.ISO_8859_1);
  }

  static byte[] bytes(String key) {
    return key.getBytes(StandardCharsets.ISO_8859_1);
  }
}
