package ringbench.flink;

import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.util.Map;
import java.util.Optional;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.runtime.io.network.netty.InboundChannelHandlerFactory;
import org.apache.flink.shaded.netty4.io.netty.channel.ChannelFutureListener;
import org.apache.flink.shaded.netty4.io.netty.channel.ChannelHandler;
import org.apache.flink.shaded.netty4.io.netty.channel.ChannelHandlerContext;
import org.apache.flink.shaded.netty4.io.netty.channel.ChannelInboundHandlerAdapter;
import org.apache.flink.shaded.netty4.io.netty.handler.codec.http.DefaultFullHttpResponse;
import org.apache.flink.shaded.netty4.io.netty.handler.codec.http.HttpHeaderNames;
import org.apache.flink.shaded.netty4.io.netty.handler.codec.http.HttpRequest;
import org.apache.flink.shaded.netty4.io.netty.handler.codec.http.HttpResponseStatus;
import org.apache.flink.shaded.netty4.io.netty.handler.codec.http.HttpVersion;
import org.apache.flink.shaded.netty4.io.netty.util.ReferenceCountUtil;

/**
 * Has Flink's REST interface refuse who does not know the secret. It takes jobs, which are code, from whoever reaches its
 * port: on loopback, from any user of the machine.
 */
public final class RestGuard implements InboundChannelHandlerFactory {
  /** The secret is in the environment; there is none in a cluster of somebody else's. */
  private static final String SECRET = "RINGBENCH_FLINK_SECRET";

  @Override
  public int priority() {
    return 0;
  }

  @Override
  public Optional<ChannelHandler> createHandler(Configuration configuration, Map<String, String> responseHeaders) {
    return Optional.ofNullable(System.getenv(SECRET)).map(Handler::new);
  }

  private static final class Handler extends ChannelInboundHandlerAdapter {
    private final byte[] wanted;

    Handler(String secret) {
      wanted = ("Bearer " + secret).getBytes(StandardCharsets.UTF_8);
    }

    @Override
    public void channelRead(ChannelHandlerContext context, Object message) {
      if (message instanceof HttpRequest && !knows((HttpRequest) message)) {
        ReferenceCountUtil.release(message);
        context
            .writeAndFlush(new DefaultFullHttpResponse(HttpVersion.HTTP_1_1, HttpResponseStatus.UNAUTHORIZED))
            .addListener(ChannelFutureListener.CLOSE);
        return;
      }
      context.fireChannelRead(message);
    }

    private boolean knows(HttpRequest request) {
      String given = request.headers().get(HttpHeaderNames.AUTHORIZATION, "");
      return MessageDigest.isEqual(given.getBytes(StandardCharsets.UTF_8), wanted);
    }
  }
}
