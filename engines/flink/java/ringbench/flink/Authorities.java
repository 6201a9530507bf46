package ringbench.flink;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.KeyStore;
import java.security.cert.Certificate;
import java.security.cert.CertificateFactory;
import redis.clients.jedis.SslOptions;

/** Whose certificates to trust: those of a PEM file, which Jedis takes as a trust store of Java's only. */
final class Authorities {
  private static final String STORE_TYPE = "PKCS12";
  /** There is nothing secret in a trust store, but it is to have a password. */
  private static final char[] PASSWORD = "trusted".toCharArray();

  private Authorities() {}

  /** TLS that trusts the certificates in {@code file} and no others; if that is empty, those that Java trusts. */
  static SslOptions trusting(String file) {
    if (file.isEmpty()) {
      return SslOptions.defaults();
    }
    return SslOptions.builder().trustStoreType(STORE_TYPE).truststore(() -> store(file), PASSWORD).build();
  }

  private static InputStream store(String file) throws IOException {
    try (InputStream pem = Files.newInputStream(Path.of(file));
        ByteArrayOutputStream bytes = new ByteArrayOutputStream()) {
      KeyStore store = KeyStore.getInstance(STORE_TYPE);
      store.load(null, null);
      for (Certificate each : CertificateFactory.getInstance("X.509").generateCertificates(pem)) {
        store.setCertificateEntry(String.valueOf(store.size()), each);
      }
      store.store(bytes, PASSWORD);
      return new ByteArrayInputStream(bytes.toByteArray());
    } catch (GeneralSecurityException error) {
      throw new IOException("cannot read the certificates in " + file, error);
    }
  }
}
