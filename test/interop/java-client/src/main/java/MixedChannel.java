import io.grpc.CallOptions;
import io.grpc.ChannelCredentials;
import io.grpc.Grpc;
import io.grpc.InsecureChannelCredentials;
import io.grpc.ManagedChannel;
import io.grpc.MethodDescriptor;
import io.grpc.MethodDescriptor.MethodType;
import io.grpc.TlsChannelCredentials;
import io.grpc.stub.ClientCalls;
import io.grpc.stub.StreamObserver;
import java.io.ByteArrayInputStream;
import java.io.File;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.Iterator;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;

/**
 * A grpc-java client that asks for health and for reflection on one channel, and prints how that went.
 *
 * {@code MixedChannel ADDRESS PART [CA]}: over TLS when there is a file of authorities.
 */
public final class MixedChannel {
  private static final byte[] SERVING = {8, 1};
  private static final byte[] LIST_SERVICES = {0x3a, 0};

  private final ManagedChannel channel;

  private MixedChannel(String address, ChannelCredentials credentials) {
    channel = Grpc.newChannelBuilder(address, credentials).build();
  }

  public static void main(String[] args) {
    try {
      ChannelCredentials credentials = args.length > 2
          ? TlsChannelCredentials.newBuilder().trustManager(new File(args[2])).build()
          : InsecureChannelCredentials.create();
      MixedChannel client = new MixedChannel(args[0], credentials);
      switch (args[1]) {
        case "health-first" -> { client.check(); client.reflect(); client.check(); }
        case "reflection-first" -> { client.reflect(); client.check(); }
        case "mixed" -> client.mixed();
        case "watch" -> client.watch();
        default -> throw new IllegalArgumentException(args[1]);
      }
      System.out.println("ok");
    } catch (Exception error) {
      System.out.println(error);
    }
    System.exit(0);
  }

  private void check() {
    byte[] answer = ClientCalls.blockingUnaryCall(channel, method("grpc.health.v1.Health/Check", MethodType.UNARY), deadline(), request("up"));
    if (!Arrays.equals(answer, SERVING)) throw new IllegalStateException("the answer is " + Arrays.toString(answer));
  }

  private void reflect() throws Exception {
    CompletableFuture<byte[]> answer = new CompletableFuture<>();
    StreamObserver<byte[]> requests = ClientCalls.asyncBidiStreamingCall(
        channel.newCall(method("grpc.reflection.v1.ServerReflection/ServerReflectionInfo", MethodType.BIDI_STREAMING), deadline()),
        new StreamObserver<byte[]>() {
          @Override public void onNext(byte[] message) { answer.complete(message); }
          @Override public void onError(Throwable error) { answer.completeExceptionally(error); }
          @Override public void onCompleted() { answer.completeExceptionally(new IllegalStateException("no answer")); }
        });
    requests.onNext(LIST_SERVICES);
    requests.onCompleted();
    String services = new String(answer.get(20, TimeUnit.SECONDS), StandardCharsets.ISO_8859_1);
    if (!services.contains("grpc.health.v1.Health")) throw new IllegalStateException("the services are not listed");
  }

  private void mixed() throws Exception {
    ExecutorService pool = Executors.newCachedThreadPool();
    List<Integer> order = new ArrayList<>();
    for (int index = 0; index < 220; index += 1) order.add(index);
    Collections.shuffle(order);
    List<Future<?>> calls = new ArrayList<>();
    for (int index : order) calls.add(pool.submit(() -> { if (index < 20) reflect(); else check(); return null; }));
    for (Future<?> call : calls) call.get();
    pool.shutdown();
  }

  private void watch() throws Exception {
    boolean told = false;
    CallOptions options = CallOptions.DEFAULT.withDeadlineAfter(60, TimeUnit.SECONDS);
    Iterator<byte[]> answers = ClientCalls.blockingServerStreamingCall(channel, method("grpc.health.v1.Health/Watch", MethodType.SERVER_STREAMING), options, request("changing"));
    while (answers.hasNext()) {
      if (Arrays.equals(answers.next(), SERVING)) return;
      if (told) continue;
      reflect();
      System.out.println("watching");
      told = true;
    }
    throw new IllegalStateException("the Watch ended");
  }

  private static CallOptions deadline() {
    return CallOptions.DEFAULT.withDeadlineAfter(20, TimeUnit.SECONDS);
  }

  private static byte[] request(String service) {
    byte[] name = service.getBytes(StandardCharsets.UTF_8);
    byte[] message = new byte[name.length + 2];
    message[0] = 0x0a;
    message[1] = (byte) name.length;
    System.arraycopy(name, 0, message, 2, name.length);
    return message;
  }

  private static MethodDescriptor<byte[], byte[]> method(String name, MethodType type) {
    MethodDescriptor.Marshaller<byte[]> asIs = new MethodDescriptor.Marshaller<>() {
      @Override public InputStream stream(byte[] message) { return new ByteArrayInputStream(message); }
      @Override public byte[] parse(InputStream stream) {
        try {
          return stream.readAllBytes();
        } catch (IOException error) {
          throw new UncheckedIOException(error);
        }
      }
    };
    return MethodDescriptor.<byte[], byte[]>newBuilder(asIs, asIs).setType(type).setFullMethodName(name).build();
  }
}
