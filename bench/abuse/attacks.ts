/** What abusive clients do, again and again until they are told to stop. Two connections at a time, loopback only. */
import { connect, type Socket } from "node:net";
import { FrameReader } from "../../src/wire/http2/frame-reader.js";
import { pause } from "../../test/support/eventually.js";
import { callHeaders, FLAG, h2frame, headerBlock, PREFACE, TYPE, uint32 } from "../../test/support/raw-http2.js";

/** One attack on a port; it ends soon after the signal. */
export type Attack = (port: number, signal: AbortSignal) => Promise<void>;

/** The fields of a request, with a body for a call. */
export interface Asked {
  readonly path: string;
  readonly accept?: string;
  /** A gRPC call with this message, in place of a GET. */
  readonly message?: Buffer;
}

/** By the number of the request: some requests must differ. */
type Draw = (index: number) => Asked;

const BURST_BYTES = 65_536;
const STREAMS = 1_000;
const AT_ONCE = 2;
const STALLED = 20;
const ROUND_TIMEOUT_MS = 40_000;

/** 64 KB of requests in one write, pipelined; reads everything, and begins again. */
export function pipelined(draw: Draw): Attack {
  return repeated(async (port, signal) => {
    const requests = pipelineOf(draw, BURST_BYTES);
    await answered(port, Buffer.from(`${requests}${http1(draw(0), "close")}`), signal, () => {});
  });
}

/** The same over HTTP/2: all requests in one write, on streams of one connection. */
export function multiplexed(draw: Draw): Attack {
  return repeated(async (port, signal) => {
    let open = STREAMS;
    const bytes = Buffer.concat([
      opening(0x3fff_ffff),
      ...Array.from({ length: STREAMS }, (_, index) => h2(draw, index)),
    ]);
    await answered(port, bytes, signal, (socket) => {
      const reader = new FrameReader((type, flags) => {
        const isEnd = (type === TYPE.DATA || type === TYPE.HEADERS) && (flags & FLAG.END_STREAM) !== 0;
        if (isEnd || type === TYPE.RST_STREAM) open -= 1;
        if (open === 0 || type === TYPE.GOAWAY) socket.destroy();
      }, "server");
      socket.on("data", (chunk: Buffer) => void (socket.destroyed || reader.read(chunk)));
    });
  });
}

/** Clients that ask and don't read: HTTP/1 without reading, HTTP/2 with a window of 0. */
export function unread(protocol: "HTTP/1" | "HTTP/2", draw: Draw): Attack {
  const requests = Array.from({ length: 400 }, (_, index) => h2(draw, index));
  const bytes =
    protocol === "HTTP/1" ? Buffer.from(pipelineOf(draw, BURST_BYTES)) : Buffer.concat([opening(0), ...requests]);
  return held(bytes, async (socket) => void socket.pause());
}

/** Clients that read one kilobyte a tenth of a second. */
export function slow(draw: Draw): Attack {
  return held(Buffer.from(pipelineOf(draw, BURST_BYTES)), async (socket, signal) => {
    socket.pause();
    while (!signal.aborted && !socket.destroyed) {
      socket.read(1_024);
      await pause(100);
    }
  });
}

function repeated(round: Attack): Attack {
  return async (port, signal) => {
    const attacker = async () => {
      while (!signal.aborted) {
        await round(port, signal);
        await pause(1);
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, attacker));
  };
}

function held(bytes: Buffer, read: (socket: Socket, signal: AbortSignal) => Promise<void>): Attack {
  return async (port, signal) => {
    const sockets = Array.from({ length: STALLED }, () => connect(port, "127.0.0.1").on("error", () => {}));
    for (const socket of sockets) socket.write(bytes);
    const reading = sockets.map((socket) => read(socket, signal));
    while (!signal.aborted) await pause(20);
    for (const socket of sockets) socket.destroy();
    await Promise.all(reading);
  };
}

/** Resolves when the connection has ended, or the attack. */
function answered(port: number, bytes: Buffer, signal: AbortSignal, onOpen: (socket: Socket) => void): Promise<void> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1").on("error", () => {});
    const end = () => socket.destroy();
    signal.addEventListener("abort", end, { once: true });
    socket.setTimeout(ROUND_TIMEOUT_MS, end);
    socket.resume().once("close", () => {
      signal.removeEventListener("abort", end);
      resolve();
    });
    onOpen(socket);
    socket.write(bytes);
    if (signal.aborted) end();
  });
}

function pipelineOf(draw: Draw, length: number): string {
  let text = "";
  for (let index = 0; text.length < length; index += 1) text += http1(draw(index), "keep-alive");
  return text;
}

function http1({ path, accept = "*/*" }: Asked, connection: string): string {
  return `GET ${path} HTTP/1.1\r\nHost: a\r\nAccept: ${accept}\r\nConnection: ${connection}\r\n\r\n`;
}

/** The start of a connection, with the window of each stream. */
function opening(window: number): Buffer {
  const settings = h2frame(TYPE.SETTINGS, 0, 0, Buffer.concat([Buffer.from([0, 4]), uint32(window)]));
  return Buffer.concat([PREFACE, settings, h2frame(TYPE.WINDOW_UPDATE, 0, 0, uint32(0x3fff_ffff))]);
}

function h2(draw: Draw, index: number): Buffer {
  const stream = 2 * index + 1;
  const { path, accept = "*/*", message } = draw(index);
  if (message === undefined) {
    const get = [
      [":method", "GET"],
      [":scheme", "http"],
      [":path", path],
      [":authority", "a"],
      ["accept", accept],
    ];
    const block = headerBlock(get as [string, string][]); // pairs, as written
    return h2frame(TYPE.HEADERS, FLAG.END_HEADERS | FLAG.END_STREAM, stream, block);
  }
  const prefix = Buffer.concat([Buffer.from([0]), uint32(message.length)]);
  return Buffer.concat([
    h2frame(TYPE.HEADERS, FLAG.END_HEADERS, stream, headerBlock(callHeaders(path))),
    h2frame(TYPE.DATA, FLAG.END_STREAM, stream, Buffer.concat([prefix, message])),
  ]);
}
