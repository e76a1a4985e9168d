import io.grpc.InsecureServerCredentials;
import io.grpc.health.v1.HealthCheckResponse.ServingStatus;
import io.grpc.netty.shaded.io.grpc.netty.NettyServerBuilder;
import io.grpc.protobuf.services.HealthStatusManager;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;

/**
 * grpc-java with the health service of grpc-services: {@code HealthServer PORT}. {@code a.B} is SERVING.
 *
 * On its input it is a control program of the conformance tool: {@code set NAME STATUS} and {@code clear NAME}.
 */
public final class HealthServer {
  public static void main(String[] arguments) throws IOException, InterruptedException {
    HealthStatusManager health = new HealthStatusManager();
    health.setStatus("a.B", ServingStatus.SERVING);
    var address = new InetSocketAddress("127.0.0.1", Integer.parseInt(arguments[0]));
    var server =
        NettyServerBuilder.forAddress(address, InsecureServerCredentials.create())
            .addService(health.getHealthService())
            .build()
            .start();
    obey(health);
    server.awaitTermination();
  }

  private static void obey(HealthStatusManager health) throws IOException {
    var input = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
    for (String line = input.readLine(); line != null; line = input.readLine()) {
      String[] words = line.split(" ");
      if (words[0].equals("set")) health.setStatus(words[1], ServingStatus.valueOf(words[2]));
      else health.clearStatus(words[1]);
      System.out.println("ok");
    }
  }

  private HealthServer() {}
}
