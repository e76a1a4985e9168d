/**
 * The socket of the control service, at which nothing else is served.
 *
 *     unix socket, mode 0600 --> gate --+--> HTTP/2 --> the methods of the control service
 *                                       '--> HTTP/1: one text that says what this socket is
 */
import { createServer, type Socket } from "node:net";
import { background, keepAlive } from "../core/background.js";
import { publish } from "../core/channels.js";
import type { Clock, Random } from "../core/clock.js";
import { FairTurns } from "../core/fair-turns.js";
import { HealthError, messageOf } from "../core/health-error.js";
import { DEFAULT_FIRST_BYTES_TIMEOUT_MS, DEFAULT_REQUEST_TIMEOUT_MS } from "../core/option.js";
import { SharedBytesPool } from "../core/shared-bytes.js";
import { ConnectionGate } from "../listener/connection-gate.js";
import { bindPrivately } from "../listener/private-socket.js";
import { completeConnectionSettings } from "../transports/grpc/connection-settings.js";
import type { GrpcEngine, GrpcMethod } from "../transports/grpc/engine.js";
import type { HttpResponder } from "../wire/http-message.js";

export interface ControlServer {
  /** Lets calls finish for a moment, ends the connections, and removes the file. */
  close(): Promise<void>;
}

export interface ControlServerOptions {
  readonly path: string;
  /** The methods that are served, by their paths: `/PACKAGE.SERVICE/METHOD`. */
  readonly methods: ReadonlyMap<string, GrpcMethod>;
  readonly clock: Clock;
  readonly random: Random;
  readonly instance: string;
}

/** The limit of open connections. Each command opens one for the time of its call. */
const MAX_CONNECTIONS = 64;

/** A client that does not take its answer delays the end of the process for so long. */
const CLOSE_TIMEOUT_MS = 500;

const ANSWER_TIMEOUT_MS = 10_000;

const TEXT = "this is the control socket of healthbridge; use: healthbridge status --control PATH\n";

const HTTP_1_ANSWER = `HTTP/1.1 404 Not Found\r\nContent-Type: text/plain\r\nContent-Length: ${TEXT.length}\r\nConnection: close\r\n\r\n${TEXT}`;

const RESPONDER: HttpResponder = {
  tooManyBodyBytes: 1,
  wantsBody: () => false,
  answer: (_, send) => void send({ status: 404, headers: { "content-type": "text/plain" }, body: TEXT }),
};

/**
 * Opens the socket.
 * @throws HealthError CONTROL_FAILED, naming the path
 */
export async function openControlServer(options: ControlServerOptions): Promise<ControlServer> {
  const { path, clock, instance } = options;
  const engine = await createEngine(options);
  const http1 = (socket: Socket) => {
    socket.resume().end(HTTP_1_ANSWER);
    clock.setTimer(CLOSE_TIMEOUT_MS, () => socket.destroy()); // a client need not close its side
  };
  const sinks = { http1, http2: engine.accept };
  const gate = new ConnectionGate({ clock, instance, sinks, maxConnections: MAX_CONNECTIONS });
  const server = createServer({ allowHalfOpen: true }, (socket) => gate.receive(socket));
  const remove = await bindPrivately(server, path).catch((cause: unknown) => {
    throw new HealthError("CONTROL_FAILED", `control: ${messageOf(cause)}`, { cause });
  });
  server.on("error", (error) => publish("fault", { instance, where: "the control socket", error }));
  gate.open();
  return {
    async close() {
      gate.close();
      server.close();
      engine.drain();
      const limit = new Promise<void>((end) => void clock.setTimer(CLOSE_TIMEOUT_MS, end));
      await keepAlive(Promise.race([gate.whenIdle(), limit]));
      background(gate.destroyAll(), instance, "the end of the control socket");
      await remove();
    },
  };
}

async function createEngine({ methods, clock, random, instance }: ControlServerOptions): Promise<GrpcEngine> {
  const { createH2Engine } = await import("../transports/h2/engine.js");
  return createH2Engine({
    ...{ clock, random, instance, methods },
    turns: new FairTurns(clock, instance),
    times: {
      ...completeConnectionSettings({}),
      firstBytesTimeoutMs: DEFAULT_FIRST_BYTES_TIMEOUT_MS,
      requestTimeoutMs: DEFAULT_REQUEST_TIMEOUT_MS,
      answerTimeoutMs: ANSWER_TIMEOUT_MS,
    },
    service: undefined,
    reflection: undefined,
    statusCodePaths: [],
    responder: RESPONDER,
    pool: new SharedBytesPool(),
  });
}
