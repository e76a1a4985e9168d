/**
 * Backends whose health a test decides, and the file that lists them.
 *
 *     one port:  GET /health             200 or 503, as `isHealthy` says: not counted
 *                GET anything            200: counted
 *                gRPC, any method        a message with field 1 = 1 (HealthCheckResponse SERVING): counted
 *
 * A backend that fails its check still answers traffic, so that a request that should not have come is counted.
 */
import { renameSync, writeFileSync } from "node:fs";
import { createServer as createHttp1, type IncomingMessage, type ServerResponse } from "node:http";
import { createServer as createHttp2, type ServerHttp2Session, type ServerHttp2Stream } from "node:http2";
import { createServer, type Server, type Socket } from "node:net";
import { join } from "node:path";

const GRPC_ANSWER = Buffer.from([0, 0, 0, 0, 2, 0x08, 0x01]);

export class Backend {
  isHealthy = true;
  /** Milliseconds before the health is answered. */
  healthDelayMs = 0;
  /** Wall time of each request that was not for the health. */
  readonly hits: number[] = [];
  /** Answers about the health that wait for `releaseHealth`; `undefined`: none waits. */
  #held: (() => void)[] | undefined;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  constructor() {
    const http1 = createHttp1((request, response) => this.#answerHttp(request, response));
    http1.keepAliveTimeout = 0; // Node closes an idle connection after 5 s, at which a proxy may just send a request on it
    const http2 = createHttp2();
    http2.on("session", (session: ServerHttp2Session) => session.on("error", () => session.destroy()));
    http2.on("stream", (stream: ServerHttp2Stream) => this.#answerGrpc(stream));
    this.#server = createServer((socket) => {
      this.#sockets.add(socket);
      socket.on("close", () => this.#sockets.delete(socket)).on("error", () => socket.destroy());
      socket.once("readable", () => {
        const head: Buffer | null = socket.read();
        if (head === null) return socket.destroy();
        socket.unshift(head);
        return (head.subarray(0, 3).equals(Buffer.from("PRI")) ? http2 : http1).emit("connection", socket);
      });
    });
  }

  async listen(): Promise<this> {
    await new Promise<void>((resolve) => this.#server.listen(0, "127.0.0.1", resolve));
    return this;
  }

  get port(): number {
    const address = this.#server.address();
    return typeof address === "object" && address !== null ? address.port : 0;
  }

  /** Leaves requests for the health without an answer. */
  holdHealth(): void {
    this.#held = [];
  }

  /** Answers them, and later ones at once. */
  releaseHealth(): void {
    for (const answer of this.#held ?? []) answer();
    this.#held = undefined;
  }

  /** The requests in a span of wall time. */
  hitsBetween(from: number, to: number): readonly number[] {
    return this.hits.filter((at) => at >= from && at < to);
  }

  close(): void {
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
  }

  #answerHttp(request: IncomingMessage, response: ServerResponse): void {
    if (request.url !== "/health") {
      this.hits.push(Date.now());
      response.end("OK");
      return;
    }
    const answer = () => {
      response.statusCode = this.isHealthy ? 200 : 503;
      response.end();
    };
    if (this.#held === undefined) setTimeout(answer, this.healthDelayMs);
    else this.#held.push(answer);
  }

  #answerGrpc(stream: ServerHttp2Stream): void {
    this.hits.push(Date.now());
    stream.on("error", () => stream.destroy());
    stream.resume();
    stream.respond({ ":status": 200, "content-type": "application/grpc" }, { waitForTrailers: true });
    stream.on("wantTrailers", () => stream.sendTrailers({ "grpc-status": "0" }));
    stream.end(GRPC_ANSWER);
  }
}

/** Backends, and the file of targets (`file_sd`) that lists them. */
export class FleetOfBackends {
  readonly backends: readonly Backend[];
  readonly targetsFile: string;

  private constructor(backends: readonly Backend[], directory: string) {
    this.backends = backends;
    this.targetsFile = join(directory, "targets.json");
    this.list(backends);
  }

  static async start(count: number, directory: string): Promise<FleetOfBackends> {
    const backends = await Promise.all(Array.from({ length: count }, () => new Backend().listen()));
    return new FleetOfBackends(backends, directory);
  }

  /** Replaces the file of targets. */
  list(backends: readonly Backend[]): void {
    const targets = backends.map(({ port }) => `127.0.0.1:${port}`);
    writeFileSync(`${this.targetsFile}.new`, JSON.stringify([{ targets }]));
    renameSync(`${this.targetsFile}.new`, this.targetsFile);
  }

  close(): void {
    for (const backend of this.backends) backend.close();
  }
}
