/**
 * Stands before a server that keeps every rule, and breaks one: a server that breaks exactly one row.
 *
 *     tool --> frames --> breaker.client --> server
 *     tool <-- breaker.server <-- frames <-- server
 *          <-- breaker.answers: its own answer, in the place of the server's
 */
import { createServer, connect as dial, type Server, type Socket } from "node:net";
import { HpackDecoder } from "../../src/wire/http2/hpack-decoder.js";
import { readFields, readString } from "../../src/wire/protobuf.js";
import { FLAG, h2frame, TYPE } from "../support/raw-http2.js";

const CANCEL = Buffer.from([0, 0, 0, 8]);
const PREFACE_BYTES = 24;

const USUAL = [
  ":method POST",
  ":scheme http",
  ":path /grpc.health.v1.Health/Check",
  ":authority",
  "te trailers",
  "content-type application/grpc",
  "user-agent healthbridge-conformance",
].join();

export interface ProxyFrame {
  readonly type: number;
  readonly flags: number;
  readonly stream: number;
  readonly payload: Buffer;
  /** Of the whole frame. */
  readonly bytes: Buffer;
}

/** A call of the tool. */
export class ProxyRequest {
  fields: readonly (readonly [string, string])[] = [];
  body: Buffer = Buffer.alloc(0);
  dataFrames = 0;
  isComplete = false;
  /** The server has ended its stream. */
  hasEnded = false;
  /** The client has cancelled it. */
  isCancelled = false;
  /** Not for the server: the breaker has answered, or will. */
  isTaken = false;
  /** DATA frames of the server. */
  answers = 0;

  field(name: string): string | undefined {
    return this.fields.find(([each]) => each === name)?.[1];
  }

  /** A Check with the header that every client sends, and no other field. */
  get isUsual(): boolean {
    const text = this.fields.map(([name, value]) => (name === ":authority" ? name : `${name} ${value}`)).join();
    return text === USUAL;
  }

  /** The method of the health service. */
  get method(): string {
    return this.field(":path")?.split("/").at(-1) ?? "";
  }

  /** The service of a health request. */
  get service(): string | undefined {
    const message = this.body.subarray(5);
    const field = readFields(message)?.findLast(({ number }) => number === 1);
    return field === undefined ? "" : readString(message, field);
  }
}

/** How a rule is broken. What is not defined passes. */
export interface Breaker {
  /** The first bytes of a connection, the preface. `undefined` closes the connection. */
  readonly preface?: (bytes: Buffer) => Buffer | undefined;
  /** Frames in the place of one of the tool. */
  readonly client?: (frame: ProxyFrame, connection: ProxyConnection) => readonly Buffer[] | undefined;
  /** Frames in the place of one of the server. */
  readonly server?: (frame: ProxyFrame, connection: ProxyConnection) => readonly Buffer[] | undefined;
  /** Whether the server must not see a call, by its header. `answers` answers it. */
  readonly takes?: (request: ProxyRequest) => boolean;
  /** The frames that answer a call which is complete, in the place of the server. */
  readonly answers?: (
    request: ProxyRequest,
    stream: number,
    connection: ProxyConnection,
  ) => readonly Buffer[] | undefined;
}

export class ProxyConnection {
  readonly requests = new Map<number, ProxyRequest>();
  /** The tool lets the server send an octet or none: a breaker that answers would break that as well. */
  hasSmallWindow = false;
  readonly #client: Socket;
  readonly #server: Socket;
  readonly #breaker: Breaker;
  readonly #decoder = new HpackDecoder();
  #block: Buffer[] = [];
  #preface: Buffer | undefined = Buffer.alloc(0);
  #fromClient: Buffer = Buffer.alloc(0);
  #fromServer: Buffer = Buffer.alloc(0);
  readonly #held = new Map<number, Buffer[]>();

  constructor(client: Socket, port: number, breaker: Breaker) {
    this.#client = client;
    this.#breaker = breaker;
    this.#server = dial({ port, host: "127.0.0.1", noDelay: true });
    for (const socket of [client, this.#server]) socket.on("error", () => {}).on("close", () => this.close());
    client.on("data", (bytes) => this.#onClientBytes(bytes));
    this.#server.on("data", (bytes) => this.#onServerBytes(bytes));
  }

  close(): void {
    this.#client.end();
    this.#server.destroy();
  }

  toClient(...frames: readonly Buffer[]): void {
    if (this.#client.writable) for (const frame of frames) this.#client.write(frame);
  }

  toServer(...frames: readonly Buffer[]): void {
    if (this.#server.writable) for (const frame of frames) this.#server.write(frame);
  }

  /** Ends the connection as a server that has seen an error. */
  fail(): readonly Buffer[] {
    this.toClient(h2frame(TYPE.GOAWAY, 0, 0, Buffer.from([0, 0, 0, 0, 0, 0, 0, 1])));
    this.close();
    return [];
  }

  #onClientBytes(bytes: Buffer): void {
    let rest = bytes;
    if (this.#preface !== undefined) {
      const preface = this.#breaker.preface?.(bytes);
      if (this.#breaker.preface !== undefined && preface === undefined) {
        this.close();
        return;
      }
      this.#preface = Buffer.concat([this.#preface, preface ?? bytes]);
      if (this.#preface.length < PREFACE_BYTES) return;
      this.toServer(this.#preface.subarray(0, PREFACE_BYTES));
      rest = this.#preface.subarray(PREFACE_BYTES);
      this.#preface = undefined;
    }
    this.#fromClient = cut(Buffer.concat([this.#fromClient, rest]), (frame) => this.#onClientFrame(frame));
  }

  #onServerBytes(bytes: Buffer): void {
    this.#fromServer = cut(Buffer.concat([this.#fromServer, bytes]), (frame) => this.#onServerFrame(frame));
  }

  #onClientFrame(frame: ProxyFrame): void {
    this.#record(frame);
    const replaced = this.#breaker.client?.(frame, this);
    const request = this.requests.get(frame.stream);
    if (replaced !== undefined || request === undefined) {
      this.toServer(...(replaced ?? [frame.bytes]));
      return;
    }
    if (frame.type === TYPE.HEADERS) request.isTaken = this.#breaker.takes?.(request) === true;
    if (this.#breaker.answers !== undefined && frame.type === TYPE.DATA) this.#hold(frame, request);
    else if (!request.isTaken) this.toServer(frame.bytes);
  }

  /** DATA waits until the call is complete: only then it is known whether the breaker answers. */
  #hold(frame: ProxyFrame, request: ProxyRequest): void {
    const held = [...(this.#held.get(frame.stream) ?? []), frame.bytes];
    this.#held.set(frame.stream, held);
    if (!request.isComplete) return;
    this.#held.delete(frame.stream);
    const answer = this.#breaker.answers?.(request, frame.stream, this);
    if (answer !== undefined) {
      if (!request.isTaken) this.toServer(h2frame(TYPE.RST_STREAM, 0, frame.stream, CANCEL));
      request.isTaken = true;
      this.toClient(...answer);
    } else if (!request.isTaken) this.toServer(...held);
  }

  #onServerFrame(frame: ProxyFrame): void {
    const request = this.requests.get(frame.stream);
    if (request?.isTaken === true) return;
    if (request !== undefined && frame.type === TYPE.DATA) request.answers += 1;
    const endsStream = [TYPE.DATA, TYPE.HEADERS].includes(frame.type) && (frame.flags & FLAG.END_STREAM) !== 0;
    if (request !== undefined) request.hasEnded ||= endsStream || frame.type === TYPE.RST_STREAM;
    this.toClient(...(this.#breaker.server?.(frame, this) ?? [frame.bytes]));
  }

  #record({ type, flags, stream, payload }: ProxyFrame): void {
    if (type === TYPE.SETTINGS)
      for (let at = 0; at + 6 <= payload.length; at += 6)
        this.hasSmallWindow ||= payload.readUInt16BE(at) === 4 && payload.readUInt32BE(at + 2) <= 1;
    if (stream === 0) return;
    if (type === TYPE.HEADERS) {
      this.requests.set(stream, this.requests.get(stream) ?? new ProxyRequest());
      this.#block = [blockOf(flags, payload)];
    } else if (type === TYPE.CONTINUATION) this.#block.push(payload);
    const request = this.requests.get(stream);
    if (request === undefined) return;
    request.isCancelled ||= type === TYPE.RST_STREAM;
    if ((type === TYPE.HEADERS || type === TYPE.CONTINUATION) && (flags & FLAG.END_HEADERS) !== 0)
      request.fields = this.#decode(Buffer.concat(this.#block));
    if (type === TYPE.DATA) {
      request.dataFrames += 1;
      request.body = Buffer.concat([request.body, payload]);
    }
    request.isComplete ||= (type === TYPE.HEADERS || type === TYPE.DATA) && (flags & FLAG.END_STREAM) !== 0;
  }

  #decode(block: Buffer): readonly (readonly [string, string])[] {
    try {
      const { fields } = this.#decoder.decode(block);
      return Array.from({ length: fields.length / 2 }, (_, at) => [fields[2 * at] ?? "", fields[2 * at + 1] ?? ""]);
    } catch {
      return [["invalid", "1"]]; // the row sends it on purpose
    }
  }
}

/** A listening proxy. */
export class BreakingProxy {
  readonly port: number;
  readonly #server: Server;
  readonly #sockets: Set<Socket>;

  private constructor(server: Server, sockets: Set<Socket>) {
    const address = server.address();
    this.port = typeof address === "object" && address !== null ? address.port : 0;
    this.#server = server;
    this.#sockets = sockets;
  }

  static async start(port: number, breaker: Breaker): Promise<BreakingProxy> {
    const sockets = new Set<Socket>();
    const server = createServer({ noDelay: true }, (socket) => {
      sockets.add(socket);
      socket.on("close", () => sockets.delete(socket));
      new ProxyConnection(socket, port, breaker);
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    return new BreakingProxy(server, sockets);
  }

  /** Ends every connection, and accepts no more. */
  async stop(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }
}

/** Cuts bytes into frames. Returns the rest. */
function cut(bytes: Buffer, onFrame: (frame: ProxyFrame) => void): Buffer {
  let rest = bytes;
  while (rest.length >= 9 && rest.length >= 9 + rest.readUIntBE(0, 3)) {
    const end = 9 + rest.readUIntBE(0, 3);
    const [type = 0, flags = 0] = rest.subarray(3, 5);
    const stream = rest.readUInt32BE(5) & 0x7fff_ffff;
    onFrame({ type, flags, stream, payload: rest.subarray(9, end), bytes: rest.subarray(0, end) });
    rest = rest.subarray(end);
  }
  return rest;
}

/** The block of a HEADERS frame, without padding and priority. */
function blockOf(flags: number, payload: Buffer): Buffer {
  const padding = (flags & FLAG.PADDED) === 0 ? 0 : (payload[0] ?? 0) + 1;
  const start = (padding === 0 ? 0 : 1) + ((flags & FLAG.PRIORITY) === 0 ? 0 : 5);
  return payload.subarray(start, payload.length - Math.max(0, padding - 1));
}
