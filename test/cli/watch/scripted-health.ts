/** A health server that does what a test says: it lacks methods, answers late, sends GOAWAY, or sends no change to a Watch. */
import { constants, createServer, type Http2Server, type ServerHttp2Session, type ServerHttp2Stream } from "node:http2";
import type { AddressInfo, Socket } from "node:net";
import type { WatchStatus } from "../../../src/core/serving-status.js";
import {
  healthCheckResponse,
  readHealthCheckRequest,
  writeHealthListResponse,
} from "../../../src/wire/health-messages.js";
import { frame } from "../../support/grpc-peer.js";

type Method = "Check" | "Watch" | "List";

const CODES = {
  OK: 0,
  UNKNOWN: 2,
  NOT_FOUND: 5,
  PERMISSION_DENIED: 7,
  RESOURCE_EXHAUSTED: 8,
  UNIMPLEMENTED: 12,
  UNAUTHENTICATED: 16,
};

export class ScriptedHealth {
  readonly statuses = new Map<string, WatchStatus>([["", "SERVING"]]);
  /** Methods that the server has. */
  methods: readonly Method[] = ["Check", "Watch", "List"];
  /** What a method answers instead of a status. */
  readonly failures = new Map<Method, keyof typeof CODES | "silence" | "late refusal">();
  /** The status that Watch reports, where it is not that of Check and List. */
  readonly watched = new Map<string, WatchStatus>();
  /** Whether a request that is not gRPC ends the connection. */
  closesOnHttp = false;
  /** Requests, by the last part of their path. */
  readonly requests = new Map<string, number>();
  readonly sessions = new Set<ServerHttp2Session>();
  readonly #watches = new Set<{ readonly service: string; readonly stream: ServerHttp2Stream }>();
  readonly #sockets = new Set<Socket>();
  readonly #server: Http2Server;
  port = 0;

  constructor(maxConcurrentStreams?: number) {
    this.#server = createServer(maxConcurrentStreams === undefined ? {} : { settings: { maxConcurrentStreams } });
    this.#server.on("connection", (socket: Socket) => {
      this.#sockets.add(socket);
      socket.on("error", () => {}).on("close", () => this.#sockets.delete(socket));
    });
    this.#server.on("session", (session) => {
      this.sessions.add(session);
      session.on("error", () => {}).on("close", () => this.sessions.delete(session));
    });
    this.#server.on("stream", (stream, headers) => {
      const chunks: Buffer[] = [];
      stream.on("error", () => {}).on("data", (chunk: Buffer) => chunks.push(chunk));
      stream.on("end", () => this.#answer(stream, String(headers[":path"]), Buffer.concat(chunks).subarray(5)));
    });
  }

  get address(): string {
    return `127.0.0.1:${this.port}`;
  }

  /** How many calls of a method came. */
  count(method: Method): number {
    return this.requests.get(method) ?? 0;
  }

  get openWatches(): number {
    return this.#watches.size;
  }

  async listen(port = 0): Promise<this> {
    await new Promise<void>((resolve) => this.#server.listen(port, "127.0.0.1", resolve));
    this.port = (this.#server.address() as AddressInfo).port;
    return this;
  }

  /** Sets a status, and sends it to each Watch. */
  set(service: string, status: WatchStatus | undefined): void {
    if (status === undefined) this.statuses.delete(service);
    else this.statuses.set(service, status);
    for (const watch of this.#watches)
      if (watch.service === service) watch.stream.write(frame(healthCheckResponse(status ?? "SERVICE_UNKNOWN")));
  }

  /** Ends every Watch with a code. */
  endWatches(code: keyof typeof CODES): void {
    for (const { stream } of this.#watches) end(stream, code);
  }

  /** Ends as a killed process does. */
  async kill(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise<void>((resolve) => void this.#server.close(() => resolve()));
  }

  #answer(stream: ServerHttp2Stream, path: string, message: Buffer): void {
    const method = path.replace(/\?.*$/, "").split("/").at(-1) ?? "";
    this.requests.set(method, (this.requests.get(method) ?? 0) + 1);
    const known = this.methods.find((name) => path === `/grpc.health.v1.Health/${name}`);
    const failure = known === undefined ? "UNIMPLEMENTED" : this.failures.get(known);
    if (failure === "silence") return;
    if (failure === "late refusal") {
      setTimeout(() => stream.close(constants.NGHTTP2_REFUSED_STREAM), 850);
      return;
    }
    if (this.closesOnHttp && method === "healthcheck") {
      stream.session?.destroy();
      return;
    }
    stream.respond({ ":status": 200, "content-type": "application/grpc" }, { waitForTrailers: true });
    if (failure === undefined && known !== undefined) this.#answerCall(stream, known, message);
    else end(stream, failure ?? "UNIMPLEMENTED");
  }

  #answerCall(stream: ServerHttp2Stream, method: Method, message: Buffer): void {
    const request = readHealthCheckRequest(message);
    const service = "service" in request ? request.service : "";
    const status = this.statuses.get(service);
    if (method === "Watch") this.#watch(stream, service, this.watched.get(service) ?? status);
    else if (method === "List") end(stream, "OK", writeHealthListResponse(this.statuses));
    else if (status === undefined) end(stream, "NOT_FOUND");
    else end(stream, "OK", healthCheckResponse(status));
  }

  #watch(stream: ServerHttp2Stream, service: string, status: WatchStatus = "SERVICE_UNKNOWN"): void {
    const watch = { service, stream };
    this.#watches.add(watch);
    stream.on("close", () => this.#watches.delete(watch));
    stream.write(frame(healthCheckResponse(status)));
  }
}

function end(stream: ServerHttp2Stream, code: keyof typeof CODES, message?: Buffer): void {
  if (message !== undefined) stream.write(frame(message));
  stream.on("wantTrailers", () => stream.sendTrailers({ "grpc-status": String(CODES[code]) }));
  stream.end();
}
