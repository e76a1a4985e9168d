/** Targets on loopback that behave as a test asks, and know their connections. */
import { createServer as createHttp1, type RequestListener } from "node:http";
import { createServer as createHttp2, type Http2Session, type ServerHttp2Stream } from "node:http2";
import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import { eventually } from "../support/eventually.js";
import { FLAG, h2frame, headerBlock, PREFACE, TYPE } from "../support/raw-http2.js";

/** A server with its open connections, and the number that it has ever had. */
export class Target {
  readonly connections = new Set<Socket>();
  accepted = 0;
  port = 0;
  readonly #server: Server;

  private constructor(server: Server) {
    this.#server = server;
    server.on("connection", (socket: Socket) => {
      this.accepted += 1;
      this.connections.add(socket);
      socket.on("error", () => {});
      socket.once("close", () => this.connections.delete(socket));
    });
  }

  /** Listens on a free port. */
  static async start(server: Server, host = "127.0.0.1"): Promise<Target> {
    const target = new Target(server);
    await new Promise<void>((resolve) => server.listen(0, host, resolve));
    // a server that listens on TCP has such an address
    target.port = (server.address() as AddressInfo).port;
    return target;
  }

  /** Resolves when no client is connected. */
  async disconnected(): Promise<void> {
    await eventually(() => this.connections.size === 0, `the target's ${this.connections.size} connections are gone`);
  }

  /**
   * Writes to every connection: one whose other end is closed altogether is reset by that and so leaves `connections`,
   * one that is only half closed stays.
   */
  poke(): void {
    for (const socket of this.connections) socket.write(h2frame(TYPE.PING, FLAG.ACK, 0, Buffer.alloc(8)));
  }

  async stop(): Promise<void> {
    for (const socket of this.connections) socket.destroy();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }
}

/** Does what it likes with each connection. Half-open sockets: Node does not close them for it. */
export function rawTarget(onConnection: (socket: Socket) => void): Promise<Target> {
  return Target.start(createServer({ allowHalfOpen: true }, onConnection));
}

/** Accepts connections and never sends anything. */
export function silentTarget(): Promise<Target> {
  return rawTarget((socket) => void socket.resume().on("end", () => socket.destroy()));
}

export function httpTarget(onRequest: RequestListener): Promise<Target> {
  return Target.start(createHttp1(onRequest));
}

/** What a gRPC target does with a call. */
export type OnCall = (stream: ServerHttp2Stream, path: string, session: Http2Session) => void;

export function grpcTarget(onCall: OnCall, settings: { maxConcurrentStreams?: number } = {}): Promise<Target> {
  const server = createHttp2({ settings });
  server.on("sessionError", () => {});
  server.on("stream", (stream, headers) => {
    stream.on("error", () => {});
    const { session } = stream;
    if (session !== undefined) onCall(stream, String(headers[":path"]).split("/").at(-1) ?? "", session);
  });
  return Target.start(server);
}

/** A message with gRPC's five bytes before it. */
export function framed(...bytes: readonly number[]): Buffer {
  return Buffer.from([0, 0, 0, 0, bytes.length, ...bytes]);
}

export const SERVING = framed(8, 1);
export const NOT_SERVING = framed(8, 2);

/** Answers with messages and a status. */
export function answer(stream: ServerHttp2Stream, messages: Buffer, code: number | string = 0, text = ""): void {
  stream.respond({ ":status": 200, "content-type": "application/grpc" }, { waitForTrailers: true });
  stream.on("wantTrailers", () => stream.sendTrailers({ "grpc-status": String(code), "grpc-message": text }));
  stream.end(messages);
}

/** Ends a call with a status alone. */
export function refuse(stream: ServerHttp2Stream, code: number): void {
  stream.respond({ ":status": 200, "content-type": "application/grpc", "grpc-status": code }, { endStream: true });
}

/** Begins an answer that goes on. */
export function begin(stream: ServerHttp2Stream, messages: Buffer): void {
  stream.respond({ ":status": 200, "content-type": "application/grpc" }, { waitForTrailers: true });
  stream.write(messages);
}

/**
 * A peer that is handed the frames of each connection, and writes its own by hand. One that `holds` doesn't end its side
 * when the other side is ended.
 */
export function frameTarget(
  onHeaders: (stream: number, write: (...frames: Buffer[]) => void, socket: Socket) => void,
  { holds = false } = {},
): Promise<Target> {
  return rawTarget((socket) => {
    let bytes: Buffer = Buffer.alloc(0);
    let greeted = false;
    const write = (...frames: Buffer[]) => void (socket.writable && socket.write(Buffer.concat(frames)));
    if (!holds) socket.on("end", () => socket.destroy());
    socket.on("data", (chunk: Buffer) => {
      bytes = Buffer.concat([bytes, chunk]);
      if (!greeted) {
        if (bytes.length < PREFACE.length) return;
        bytes = bytes.subarray(PREFACE.length);
        greeted = true;
        write(h2frame(TYPE.SETTINGS, 0, 0));
      }
      while (bytes.length >= 9 && bytes.length >= 9 + bytes.readUIntBE(0, 3)) {
        const [type, flags, stream] = [bytes[3], bytes[4] ?? 0, bytes.readUInt32BE(5)];
        bytes = bytes.subarray(9 + bytes.readUIntBE(0, 3));
        if (type === TYPE.SETTINGS && (flags & FLAG.ACK) === 0) write(h2frame(TYPE.SETTINGS, FLAG.ACK, 0));
        if (type === TYPE.HEADERS) onHeaders(stream, write, socket);
      }
    });
  });
}

const RESPONSE = headerBlock([
  [":status", "200"],
  ["content-type", "application/grpc"],
]);
const TRAILERS = headerBlock([["grpc-status", "0"]]);

/** The frames of an answer SERVING. */
export function servingFrames(stream: number): Buffer {
  return Buffer.concat([
    h2frame(TYPE.HEADERS, FLAG.END_HEADERS, stream, RESPONSE),
    h2frame(TYPE.DATA, 0, stream, SERVING),
    h2frame(TYPE.HEADERS, FLAG.END_HEADERS | FLAG.END_STREAM, stream, TRAILERS),
  ]);
}

/** GOAWAY. */
export function goaway(lastStream: number, code: number): Buffer {
  const payload = Buffer.alloc(8);
  payload.writeUInt32BE(lastStream, 0);
  payload.writeUInt32BE(code, 4);
  return h2frame(TYPE.GOAWAY, 0, 0, payload);
}
