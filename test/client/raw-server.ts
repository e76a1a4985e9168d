/** A gRPC target that writes HTTP/2 frames by hand: as a good server does, or as a test asks. */
import { readFileSync } from "node:fs";
import type { Socket } from "node:net";
import { createServer as createTls } from "node:tls";
import { openTarget } from "../../src/probers/schemes.js";
import { probe } from "../probers/probing.js";
import { rawTarget, Target } from "../probers/targets.js";
import { FLAG, h2frame, headerBlock, PREFACE, TYPE, uint32 } from "../support/raw-http2.js";

const fixture = (file: string) => readFileSync(new URL(`../fixtures/tls/${file}`, import.meta.url));

/** A frame that the client has sent. */
export interface SentFrame {
  readonly type: number;
  readonly flags: number;
  readonly stream: number;
  readonly payload: Buffer;
}

const ERRORS = [
  ...["NO_ERROR", "PROTOCOL_ERROR", "INTERNAL_ERROR", "FLOW_CONTROL_ERROR", "SETTINGS_TIMEOUT", "STREAM_CLOSED"],
  ...["FRAME_SIZE_ERROR", "REFUSED_STREAM", "CANCEL", "COMPRESSION_ERROR", "CONNECT_ERROR", "ENHANCE_YOUR_CALM"],
];

/** One connection, as the server has it. */
export class RawConnection {
  readonly socket: Socket;
  /** The number of the connection, from 1. */
  readonly number: number;
  readonly sent: SentFrame[] = [];
  #bytes: Buffer = Buffer.alloc(0);
  #hasPreface = false;

  constructor(socket: Socket, number: number) {
    this.socket = socket;
    this.number = number;
  }

  write(...frames: readonly Uint8Array[]): void {
    if (this.socket.writable) this.socket.write(Buffer.concat(frames));
  }

  /** The error of the client's GOAWAY, the last that it sent. */
  get goAway(): string | undefined {
    const last = this.sent.filter(({ type }) => type === TYPE.GOAWAY).at(-1);
    return last && ERRORS[last.payload.readUInt32BE(4)];
  }

  /** The error with which the client has reset a stream. */
  get reset(): string | undefined {
    const frame = this.sent.find(({ type }) => type === TYPE.RST_STREAM);
    return frame && ERRORS[frame.payload.readUInt32BE(0)];
  }

  /** The streams that the client has opened. */
  get requests(): readonly number[] {
    return this.sent.filter(({ type }) => type === TYPE.HEADERS).map(({ stream }) => stream);
  }

  /** Takes bytes of the client. Returns the frames that have come whole. */
  read(chunk: Buffer): readonly SentFrame[] {
    this.#bytes = Buffer.concat([this.#bytes, chunk]);
    const frames: SentFrame[] = [];
    if (!this.#hasPreface) {
      if (this.#bytes.length < PREFACE.length) return frames;
      this.#bytes = this.#bytes.subarray(PREFACE.length);
      this.#hasPreface = true;
    }
    while (this.#bytes.length >= 9 && this.#bytes.length >= 9 + this.#bytes.readUIntBE(0, 3)) {
      const end = 9 + this.#bytes.readUIntBE(0, 3);
      const [type = 0, flags = 0] = this.#bytes.subarray(3, 5);
      frames.push({ type, flags, stream: this.#bytes.readUInt32BE(5), payload: this.#bytes.subarray(9, end) });
      this.#bytes = this.#bytes.subarray(end);
    }
    this.sent.push(...frames);
    return frames;
  }
}

/** What a server does. */
export interface Script {
  /** The protocols that it offers over TLS, or none. Default: it speaks no TLS. */
  readonly alpn?: readonly string[];
  /** It does not acknowledge SETTINGS: it speaks another protocol, or nothing. */
  readonly isDeaf?: boolean;
  /** What it says first. Default SETTINGS without a setting. */
  readonly greeting?: readonly Buffer[];
  /** A request has come whole. Default: it answers SERVING. */
  readonly onRequest?: (connection: RawConnection, stream: number) => void;
  /** Any frame has come. */
  readonly onFrame?: (connection: RawConnection, frame: SentFrame) => void;
  /** A connection was made; without a greeting this is all that it says at first. */
  readonly onConnection?: (connection: RawConnection) => void;
}

export interface RawServer {
  readonly target: Target;
  readonly connections: readonly RawConnection[];
}

/** Starts a server. It acknowledges SETTINGS, and closes its side when the client has closed. */
export async function rawServer(script: Script): Promise<RawServer> {
  const { greeting = [settings()], onRequest = (connection, stream) => connection.write(serving(stream)) } = script;
  const connections: RawConnection[] = [];
  const onSocket = (socket: Socket) => {
    const connection = new RawConnection(socket, connections.length + 1);
    connections.push(connection);
    socket.on("end", () => socket.destroy());
    connection.write(...greeting);
    script.onConnection?.(connection);
    socket.on("data", (chunk: Buffer) => {
      for (const frame of connection.read(chunk)) {
        if (frame.type === TYPE.SETTINGS && frame.flags === 0 && script.isDeaf !== true)
          connection.write(h2frame(TYPE.SETTINGS, FLAG.ACK, 0));
        script.onFrame?.(connection, frame);
        const isBody = frame.type === TYPE.DATA && (frame.flags & FLAG.END_STREAM) !== 0;
        if (isBody) onRequest(connection, frame.stream);
      }
    });
  };
  const target = await (script.alpn === undefined ? rawTarget(onSocket) : secureTarget(script.alpn, onSocket));
  return { target, connections };
}

function secureTarget(alpn: readonly string[], onSocket: (socket: Socket) => void): Promise<Target> {
  const identity = { cert: fixture("server.crt"), key: fixture("server.key") };
  const protocols = alpn.length === 0 ? {} : { ALPNProtocols: [...alpn] };
  const server = createTls({ ...identity, ...protocols }, (socket) => {
    socket.on("error", () => {});
    onSocket(socket);
  });
  server.on("tlsClientError", (_, socket) => socket.destroy());
  return Target.start(server);
}

/** What the prober says of a server, and what it has sent. */
export interface Told {
  /** `pass`, or `fail` with its reason. */
  readonly verdict: string;
  readonly detail: string;
  readonly connections: readonly RawConnection[];
}

/** Probes a server once, or more often, with one prober. At the end nothing is connected. Gives the last verdict. */
export async function probeServer(script: Script, { times = 1, timeoutMs = 10_000, path = "" } = {}): Promise<Told> {
  const { target, connections } = await rawServer(script);
  const prober = openTarget(`grpc://127.0.0.1:${target.port}/${path}`);
  try {
    let told = { verdict: "", detail: "" };
    for (let round = 0; round < times; round += 1) {
      const { outcome, reason, detail = "" } = await probe(prober, timeoutMs);
      told = { verdict: reason === undefined ? outcome : `${outcome} ${reason}`, detail };
    }
    return { ...told, connections };
  } finally {
    prober.close();
    await target.disconnected();
    await target.stop();
  }
}

/** SETTINGS. */
export function settings(...pairs: readonly (readonly [id: number, value: number])[]): Buffer {
  const payload = Buffer.alloc(6 * pairs.length);
  for (const [index, [id, value]] of pairs.entries()) {
    payload.writeUInt16BE(id, index * 6);
    payload.writeUInt32BE(value, index * 6 + 2);
  }
  return h2frame(TYPE.SETTINGS, 0, 0, payload);
}

export const HEAD = headerBlock([
  [":status", "200"],
  ["content-type", "application/grpc"],
]);
export const OK = headerBlock([["grpc-status", "0"]]);

/** gRPC's prefix and a HealthCheckResponse SERVING. */
export const SERVING_MESSAGE = Buffer.from([0, 0, 0, 0, 2, 8, 1]);

export const head = (stream: number, block: Buffer = HEAD, flags = FLAG.END_HEADERS) =>
  h2frame(TYPE.HEADERS, flags, stream, block);

export const data = (stream: number, bytes: Buffer = SERVING_MESSAGE, flags = 0) =>
  h2frame(TYPE.DATA, flags, stream, bytes);

export const trailers = (stream: number, block: Buffer = OK) =>
  h2frame(TYPE.HEADERS, FLAG.END_HEADERS | FLAG.END_STREAM, stream, block);

/** The frames of an answer SERVING. */
export const serving = (stream: number) => Buffer.concat([head(stream), data(stream), trailers(stream)]);

export const goAway = (lastStream: number, code: number) =>
  h2frame(TYPE.GOAWAY, 0, 0, Buffer.concat([uint32(lastStream), uint32(code)]));

export const windowUpdate = (stream: number, increment: number) =>
  h2frame(TYPE.WINDOW_UPDATE, 0, stream, uint32(increment));

/** A server that answers each request with these frames. */
export const answering = (...frames: readonly ((stream: number) => Buffer)[]): Script => ({
  onRequest: (connection, stream) => connection.write(...frames.map((frame) => frame(stream))),
});
