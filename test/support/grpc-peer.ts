/**
 * A gRPC client for tests, on node:http2: every byte and header can be chosen, and the client can stop reading.
 */
import type { IncomingHttpHeaders, OutgoingHttpHeaders } from "node:http2";
import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  type ClientSessionOptions,
  connect,
  constants,
  type SecureClientSessionOptions,
} from "node:http2";
import { eventually, pause } from "./eventually.js";

/** How a call ended. */
export interface CallEnd {
  readonly httpStatus: number;
  /** `grpc-status`; -1 when there was none. */
  readonly code: number;
  /** `grpc-message`, percent-decoded. */
  readonly text: string;
  /** The messages, without their five bytes. */
  readonly messages: readonly Buffer[];
  readonly headers: IncomingHttpHeaders;
  readonly trailers: IncomingHttpHeaders;
  readonly rstCode: number;
}

export const HEALTH = "/grpc.health.v1.Health";

/** A message with the five bytes of gRPC before it. */
export function frame(message: Buffer, flag = 0): Buffer {
  const header = Buffer.alloc(5);
  header[0] = flag;
  header.writeUInt32BE(message.length, 1);
  return Buffer.concat([header, message]);
}

/** The bytes of a HealthCheckRequest. */
export function request(service: string): Buffer {
  const name = Buffer.from(service);
  if (name.length === 0) return Buffer.alloc(0);
  const length = name.length < 128 ? [name.length] : [(name.length & 127) | 128, name.length >> 7];
  return Buffer.concat([Buffer.from([0x0a, ...length]), name]);
}

/** The number of the status in a HealthCheckResponse; an empty message means 0. */
export function statusIn(message: Buffer | undefined): number {
  if (message === undefined) return -1;
  return message.length === 0 ? 0 : (message[1] ?? -1);
}

/** An open Watch. */
export class OpenWatch {
  readonly statuses: number[] = [];
  readonly stream: ClientHttp2Stream;
  end: CallEnd | undefined;

  constructor(stream: ClientHttp2Stream) {
    this.stream = stream;
  }

  /** Resolves when exactly these statuses have arrived. */
  async saw(...expected: number[]): Promise<void> {
    await eventually(() => this.statuses.length >= expected.length, `statuses ${expected} (saw ${this.statuses})`);
    const seen = this.statuses.join();
    if (seen !== expected.join()) throw new Error(`expected the statuses ${expected.join()}, saw ${seen}`);
  }

  async ended(): Promise<CallEnd> {
    await eventually(() => this.end !== undefined, `the watch ends (saw ${this.statuses})`);
    return this.end as CallEnd;
  }

  cancel(): void {
    this.stream.close(constants.NGHTTP2_CANCEL);
  }
}

export class GrpcPeer {
  readonly session: ClientHttp2Session;

  constructor(address: string | number, options: ClientSessionOptions | SecureClientSessionOptions = {}) {
    this.session = connect(typeof address === "number" ? `http://127.0.0.1:${address}` : address, options);
    this.session.on("error", () => {});
  }

  /** Sends a request, and resolves with the end of the call. */
  async call(path: string, body: Buffer, headers: OutgoingHttpHeaders = {}): Promise<CallEnd> {
    const stream = this.open(path, headers);
    const end = collect(stream, () => {});
    stream.end(body);
    return end;
  }

  /** Calls Check. */
  async check(service: string): Promise<{ code: number; status: number; text: string; end: CallEnd }> {
    const end = await this.call(`${HEALTH}/Check`, frame(request(service)));
    return { code: end.code, status: statusIn(end.messages[0]), text: end.text, end };
  }

  /** Calls List; the statuses are by name. */
  async list(): Promise<{ code: number; text: string; statuses: Map<string, number>; end: CallEnd }> {
    const end = await this.call(`${HEALTH}/List`, frame(Buffer.alloc(0)));
    return { code: end.code, text: end.text, statuses: readList(end.messages[0] ?? Buffer.alloc(0)), end };
  }

  /** Opens a Watch. */
  watch(service: string, headers: OutgoingHttpHeaders = {}): OpenWatch {
    const stream = this.open(`${HEALTH}/Watch`, headers);
    const watch = new OpenWatch(stream);
    void collect(stream, (message) => watch.statuses.push(statusIn(message))).then((end) => {
      watch.end = end;
    });
    stream.end(frame(request(service)));
    return watch;
  }

  /** Opens a stream, on which the caller writes. */
  open(path: string, headers: OutgoingHttpHeaders = {}): ClientHttp2Stream {
    return this.session.request({
      ":method": "POST",
      ":path": path,
      "content-type": "application/grpc",
      te: "trailers",
      ...headers,
    });
  }

  close(): void {
    this.session.destroy();
  }
}

/**
 * Waits until all messages of the server on this connection have arrived: the answers to several later calls have. A
 * message that must not arrive would be here by then, also on a slow machine.
 */
export async function quiet(peer: GrpcPeer): Promise<void> {
  for (let round = 0; round < 5; round += 1) {
    await peer.check("");
    await pause(10);
  }
}

/** Reads a stream to its end. */
export function collect(stream: ClientHttp2Stream, onMessage: (message: Buffer) => void): Promise<CallEnd> {
  const messages: Buffer[] = [];
  let bytes = Buffer.alloc(0);
  let headers: IncomingHttpHeaders = {};
  let trailers: IncomingHttpHeaders = {};
  stream.on("response", (received) => {
    headers = received;
  });
  stream.on("trailers", (received) => {
    trailers = received;
  });
  stream.on("data", (chunk: Buffer) => {
    bytes = Buffer.concat([bytes, chunk]);
    while (bytes.length >= 5 && bytes.length >= 5 + bytes.readUInt32BE(1)) {
      const message = bytes.subarray(5, 5 + bytes.readUInt32BE(1));
      bytes = bytes.subarray(5 + message.length);
      messages.push(message);
      onMessage(message);
    }
  });
  stream.on("error", () => {});
  return new Promise((resolve) => {
    stream.on("close", () => {
      const last = { ...headers, ...trailers };
      resolve({
        httpStatus: Number(headers[":status"] ?? -1),
        code: Number(last["grpc-status"] ?? -1),
        text: decodeURIComponent(String(last["grpc-message"] ?? "")),
        messages,
        headers,
        trailers,
        rstCode: stream.rstCode,
      });
    });
  });
}

/** Reads a HealthListResponse: entries of single-byte or two-byte lengths. */
function readList(bytes: Buffer): Map<string, number> {
  const statuses = new Map<string, number>();
  let at = 0;
  const varint = () => {
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = bytes[at++] ?? 0;
      value += (byte & 127) * 2 ** shift;
      if (byte < 128) return value;
    }
  };
  while (at < bytes.length) {
    at += 1;
    const end = varint() + at;
    let name = "";
    let status = 0;
    while (at < end) {
      const tag = bytes[at++];
      const length = varint();
      const content = bytes.subarray(at, at + length);
      at += length;
      if (tag === 0x0a) name = content.toString();
      else status = statusIn(content);
    }
    statuses.set(name, status);
  }
  return statuses;
}
