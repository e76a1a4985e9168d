/**
 * Servers that mean harm, or are broken: each sends or holds back what costs a client time, memory or its terminal.
 *
 *     mode "at once"        every connection is attacked
 *     mode "after a while"  the first connection goes to a good server, so that the rows are reached
 */
import { connect, createServer, type Socket } from "node:net";
import { Target } from "../probers/targets.js";
import { FLAG, h2frame, headerBlock, TYPE } from "../support/raw-http2.js";

export type Mode = "at once" | "after a while";

/** What a server does with a connection. The client's bytes come as `data`. */
type Attack = (socket: Socket) => void;

const SETTINGS = h2frame(TYPE.SETTINGS, 0, 0);
const HEAD = headerBlock([
  [":status", "200"],
  ["content-type", "application/grpc"],
]);
const ZEROS = Buffer.alloc(16_384);

/** Octets that one connection gets at most. */
const MAX_FLOOD = 64 * 1024 * 1024;

/** Octets that wait for a client which does not read. */
const MAX_UNREAD = 8 * 1024 * 1024;

/** Writes bytes again and again, as fast as the client takes them. The client's bytes are not read. */
const flood = (first: readonly Buffer[], ...frames: readonly Buffer[]): Attack => {
  const chunk = Buffer.concat(
    Array.from({ length: Math.ceil(32_768 / Buffer.concat(frames).length) }, () => frames).flat(),
  );
  return (socket) => {
    let sent = 0;
    const write = () => {
      for (; socket.writable && sent < MAX_FLOOD; sent += chunk.length)
        if (!socket.write(chunk)) return void socket.once("drain", write);
    };
    socket.write(Buffer.concat(first));
    socket.pause();
    write();
  };
};

/** Answers the first octets of the client, and then sends nothing. */
const saying =
  (...parts: readonly (string | Buffer)[]): Attack =>
  (socket) => {
    socket.once("data", () => socket.write(Buffer.concat(parts.map((part) => Buffer.from(part)))));
  };

/** Writes a byte at a time. */
const trickle =
  (bytes: Buffer, pauseMs: number): Attack =>
  (socket) => {
    let at = 0;
    const timer = setInterval(() => {
      if (socket.writable) socket.write(bytes.subarray(at % bytes.length, (at % bytes.length) + 1));
      at += 1;
    }, pauseMs);
    socket.resume().once("close", () => clearInterval(timer));
  };

/** Closes the connection as soon as so many chunks of the client have come; -1: before the first. */
const closing =
  (after: number, ...answers: readonly Buffer[]): Attack =>
  (socket) => {
    let chunks = 0;
    if (after < 0) return void socket.destroy();
    socket.on("data", () => {
      if (chunks === 0 && answers.length > 0) socket.write(Buffer.concat(answers));
      chunks += 1;
      if (chunks > after) socket.end();
    });
  };

/** Answers each HEADERS of the client on its stream. */
const answering =
  (frames: (stream: number) => readonly Buffer[]): Attack =>
  (socket) => {
    let rest: Buffer = Buffer.alloc(0);
    let isGreeted = false;
    socket.on("data", (chunk: Buffer) => {
      rest = Buffer.concat([rest, chunk]);
      if (!isGreeted && rest.length < 24) return;
      if (!isGreeted) {
        socket.write(SETTINGS);
        rest = rest.subarray(24);
        isGreeted = true;
      }
      while (rest.length >= 9 && rest.length >= 9 + rest.readUIntBE(0, 3)) {
        const [type, stream] = [rest[3], rest.readUInt32BE(5)];
        rest = rest.subarray(9 + rest.readUIntBE(0, 3));
        if (type === TYPE.HEADERS && socket.writable && socket.writableLength < MAX_UNREAD)
          socket.write(Buffer.concat(frames(stream)));
      }
    });
  };

/** A message as long as a client accepts, with as many entries of a map as it can have. */
const MANY_ENTRIES = Buffer.alloc(4 * 1024 * 1024 - 64 * 1024);
for (let at = 0; at < MANY_ENTRIES.length; at += 2) MANY_ENTRIES[at] = 0x0a;

/** A message in DATA frames, with its prefix. */
function dataOf(stream: number, message: Buffer): readonly Buffer[] {
  const prefix = Buffer.alloc(5);
  prefix.writeUInt32BE(message.length, 1);
  const body = Buffer.concat([prefix, message]);
  return Array.from({ length: Math.ceil(body.length / 16_384) }, (_, index) =>
    h2frame(TYPE.DATA, 0, stream, body.subarray(index * 16_384, (index + 1) * 16_384)),
  );
}

const headers = (stream: number, flags: number, fields: readonly (readonly [string, string])[]) =>
  h2frame(TYPE.HEADERS, FLAG.END_HEADERS | flags, stream, headerBlock(fields));

/** Sequences of a terminal, as bytes of UTF-8 and alone: a title, a cleared screen, colour, a line of our own. */
export const TERMINAL_CODES = "\u001b]0;owned\u0007\u001b[2J\u009b31m\r\nholds      forged\u202e";

export const ATTACKS: Readonly<Record<string, Attack>> = {
  "never answers": (socket) => void socket.resume(),
  "never reads": (socket) => void socket.pause(),
  "sends SETTINGS, and no more": (socket) => void socket.resume().write(SETTINGS),
  "answers in HTTP/1": saying("HTTP/1.1 400 Bad Request\r\n\r\n"),
  "answers in HTTP/1, a byte at a time": trickle(Buffer.from("HTTP/1.1 400 Bad Request\r\n\r\n"), 10),
  "sends a TLS alert": saying(Buffer.from("15030100020246", "hex")),
  "greets as another protocol": (socket) => void socket.resume().write(`SSH-2.0-${TERMINAL_CODES}`),
  "sends garbage": flood([], Buffer.from(Array.from({ length: 997 }, (_, index) => (index * 7919 + 13) % 251))),
  "sends SETTINGS and garbage": flood([SETTINGS], Buffer.alloc(16_384, 0x5a)),
  "sends HEADERS without end": flood([SETTINGS], h2frame(TYPE.HEADERS, FLAG.END_HEADERS, 1, HEAD)),
  "sends interim HEADERS without end": flood([SETTINGS], headers(1, 0, [[":status", "103"]])),
  "sends HEADERS on streams without end": flood(
    [SETTINGS],
    ...Array.from({ length: 2_000 }, (_, index) => h2frame(TYPE.HEADERS, FLAG.END_HEADERS, 2 * index + 1, HEAD)),
  ),
  "sends CONTINUATION without end": flood(
    [SETTINGS, h2frame(TYPE.HEADERS, 0, 1, HEAD)],
    h2frame(TYPE.CONTINUATION, 0, 1, ZEROS.subarray(0, 64)),
  ),
  "sends empty CONTINUATION without end": flood(
    [SETTINGS, h2frame(TYPE.HEADERS, 0, 1, HEAD)],
    h2frame(TYPE.CONTINUATION, 0, 1),
  ),
  "sends SETTINGS without end": flood([], SETTINGS),
  "sends PING without end": flood([SETTINGS], h2frame(TYPE.PING, 0, 0, Buffer.alloc(8))),
  "sends GOAWAY without end": flood([SETTINGS], h2frame(TYPE.GOAWAY, 0, 0, ZEROS.subarray(0, 8_192))),
  "sends unknown frames without end": flood([SETTINGS], h2frame(0x63, 0, 0, ZEROS)),
  "sends RST_STREAM without end": flood([SETTINGS], h2frame(TYPE.RST_STREAM, 0, 1, Buffer.alloc(4))),
  "sends DATA of empty messages without end": flood([SETTINGS], h2frame(TYPE.DATA, 0, 1, ZEROS)),
  "sends DATA of a long message without end": flood([SETTINGS], h2frame(TYPE.DATA, 0, 1, Buffer.alloc(16_384, 0xff))),
  "sends DATA on streams without end": flood(
    [SETTINGS],
    ...Array.from({ length: 1_000 }, (_, index) => h2frame(TYPE.DATA, 0, 2 * index + 1, Buffer.alloc(1_024, 0xff))),
  ),
  "sends empty DATA without end": flood([SETTINGS], h2frame(TYPE.DATA, 0, 1)),
  "sends a byte a second": trickle(Buffer.concat([SETTINGS, h2frame(TYPE.PING, 0, 0, Buffer.alloc(8))]), 1_000),
  "sends SETTINGS at once, then a byte a second": (socket) => {
    socket.write(SETTINGS);
    trickle(h2frame(TYPE.PING, 0, 0, Buffer.alloc(8)), 1_000)(socket);
  },
  "closes at once": closing(-1),
  "closes after the preface": closing(0),
  "closes after SETTINGS": closing(0, SETTINGS),
  "closes after a call": closing(1, SETTINGS),
  "closes within a frame": closing(0, SETTINGS.subarray(0, 5)),
  "answers every call with 4 MiB": answering((stream) => [
    h2frame(TYPE.HEADERS, FLAG.END_HEADERS, stream, HEAD),
    ...dataOf(stream, MANY_ENTRIES),
    headers(stream, FLAG.END_STREAM, [["grpc-status", "0"]]),
  ]),
  "answers every call with codes of a terminal": answering((stream) => [
    headers(stream, FLAG.END_STREAM, [
      [":status", "200"],
      ["content-type", "application/grpc"],
      ["grpc-status", "2"],
      ["grpc-message", encodeURIComponent(TERMINAL_CODES)],
    ]),
  ]),
  "answers every call with a status of HTTP alone": answering((stream) => [
    headers(stream, FLAG.END_STREAM, [[":status", `5${TERMINAL_CODES}`]]),
  ]),
};

/** Starts a server. `goodPort`: of the good server that gets the first connection. */
export function hostileServer(attack: Attack, mode: Mode, goodPort: number): Promise<Target> {
  let connections = 0;
  return Target.start(
    createServer({ allowHalfOpen: false, noDelay: true }, (socket) => {
      connections += 1;
      if (mode === "at once" || connections > 1) attack(socket);
      else {
        const good = connect(goodPort, "127.0.0.1");
        good.on("error", () => socket.destroy()).on("close", () => socket.destroy());
        socket.on("close", () => good.destroy());
        socket.pipe(good).pipe(socket);
      }
    }),
  );
}
