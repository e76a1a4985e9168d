/** Servers that know just enough of their protocol to be probed. */
import type { Socket } from "node:net";
import { SCHEMES } from "../../src/probers/schemes.js";
import { FLAG, h2frame, PREFACE, TYPE } from "../support/raw-http2.js";
import { servingFrames } from "./targets.js";

/** Serves a connection. `answer` is asked for before each answer to a probe: with false, there is none. */
export type FakeServer = (socket: Socket, answer: () => boolean) => void;

/** Cuts what comes into parts; `lengthOf` says how long the next one is, or `undefined` when that is not known yet. */
function parts(socket: Socket, lengthOf: (bytes: Buffer) => number | undefined, onPart: (part: Buffer) => void): void {
  let bytes: Buffer = Buffer.alloc(0);
  socket.on("data", (chunk: Buffer) => {
    bytes = Buffer.concat([bytes, chunk]);
    for (;;) {
      const length = lengthOf(bytes);
      if (length === undefined || length > bytes.length) return;
      const part = bytes.subarray(0, length);
      bytes = bytes.subarray(length);
      onPart(part);
    }
  });
}

const http = (body: string): FakeServer => {
  const response = `HTTP/1.1 200 OK\r\ncontent-length: ${body.length}\r\n\r\n${body}`;
  return (socket, answer) => {
    socket.on("data", () => answer() && socket.write(response));
  };
};

const redis: FakeServer = (socket, answer) => {
  socket.on("data", () => answer() && socket.write("+PONG\r\n"));
};

/** Answers each request over HTTP/2 with the status 200, and SERVING in the words of gRPC. */
const grpc: FakeServer = (socket, answer) => {
  let isGreeted = false;
  socket.write(h2frame(TYPE.SETTINGS, 0, 0));
  const lengthOf = (bytes: Buffer) => {
    if (!isGreeted) return PREFACE.length;
    return bytes.length < 9 ? undefined : 9 + bytes.readUIntBE(0, 3);
  };
  parts(socket, lengthOf, (frame) => {
    const ends = ((frame[4] ?? 0) & FLAG.END_STREAM) !== 0 && (frame[3] === TYPE.DATA || frame[3] === TYPE.HEADERS);
    if (isGreeted && ends && answer()) socket.write(servingFrames(frame.readUInt32BE(5)));
    if (isGreeted && frame[3] === TYPE.SETTINGS && frame[4] === 0) socket.write(h2frame(TYPE.SETTINGS, FLAG.ACK, 0));
    isGreeted = true;
  });
};

/** PostgreSQL's protocol 3.0: AuthenticationOk and ReadyForQuery, then CommandComplete for each query. */
const postgres: FakeServer = (socket, answer) => {
  let isStarted = false;
  const message = (type: string, payload: Buffer) => {
    const head = Buffer.alloc(5);
    head.write(type);
    head.writeUInt32BE(payload.length + 4, 1);
    return Buffer.concat([head, payload]);
  };
  const ready = message("Z", Buffer.from("I"));
  const lengthOf = (bytes: Buffer) => {
    const at = isStarted ? 1 : 0;
    return bytes.length < at + 4 ? undefined : at + bytes.readUInt32BE(at);
  };
  parts(socket, lengthOf, (part) => {
    if (!isStarted) socket.write(Buffer.concat([message("R", Buffer.alloc(4)), ready]));
    else if (part[0] === 0x51 && answer())
      socket.write(Buffer.concat([message("C", Buffer.from("SELECT 1\0")), ready]));
    isStarted = true;
  });
};

/** MySQL's protocol: the handshake of version 10, OK for the login and for each COM_PING. */
const mysql: FakeServer = (socket, answer) => {
  const packet = (sequence: number, payload: Buffer) => {
    const head = Buffer.alloc(4);
    head.writeUIntLE(payload.length, 0, 3);
    head[3] = sequence;
    return Buffer.concat([head, payload]);
  };
  const ok = Buffer.from([0, 0, 0, 2, 0, 0, 0]);
  const capabilities = 0x0008_8201 | 0x200; // long password, protocol 4.1, secure connection, plug-in authentication
  const greeting = Buffer.alloc(64);
  let at = greeting.writeUInt8(10, 0);
  at += greeting.write("8.0.0\0", at);
  at = greeting.writeUInt32LE(1, at);
  at += greeting.write("abcdefgh\0", at);
  at = greeting.writeUInt16LE(capabilities & 0xffff, at);
  at = greeting.writeUInt8(45, at);
  at = greeting.writeUInt16LE(2, at);
  at = greeting.writeUInt16LE(capabilities >>> 16, at);
  at = greeting.writeUInt8(21, at) + 10;
  at += greeting.write("ijklmnopqrst\0", at);
  at += greeting.write("mysql_native_password\0", at);
  socket.write(packet(0, greeting.subarray(0, at)));
  let isLoggedIn = false;
  const lengthOf = (bytes: Buffer) => (bytes.length < 4 ? undefined : 4 + bytes.readUIntLE(0, 3));
  parts(socket, lengthOf, (login) => {
    if (!isLoggedIn) socket.write(packet((login[3] ?? 0) + 1, ok));
    else if (answer()) socket.write(packet(1, ok));
    isLoggedIn = true;
  });
};

/** AMQP 0-9-1: the methods of class 10 (connection) and 20 (channel) that a login and a channel need. */
const amqp: FakeServer = (socket, answer) => {
  const method = (channel: number, classId: number, methodId: number, args: Buffer = Buffer.alloc(0)) => {
    const head = Buffer.alloc(11);
    head[0] = 1;
    head.writeUInt16BE(channel, 1);
    head.writeUInt32BE(4 + args.length, 3);
    head.writeUInt16BE(classId, 7);
    head.writeUInt16BE(methodId, 9);
    return Buffer.concat([head, args, Buffer.from([0xce])]);
  };
  const longString = (text: string) => Buffer.concat([Buffer.from([0, 0, 0, text.length]), Buffer.from(text)]);
  const start = Buffer.concat([Buffer.from([0, 9, 0, 0, 0, 0]), longString("PLAIN"), longString("en_US")]);
  const tune = Buffer.from([0, 10, 0, 2, 0, 0, 0, 0]);
  let isGreeted = false;
  const lengthOf = (bytes: Buffer) => {
    if (!isGreeted) return 8;
    return bytes.length < 7 ? undefined : 8 + bytes.readUInt32BE(3);
  };
  parts(socket, lengthOf, (frame) => {
    if (!isGreeted) socket.write(method(0, 10, 10, start));
    const channel = frame.readUInt16BE(1);
    const name = isGreeted ? `${frame.readUInt16BE(7)}.${frame.readUInt16BE(9)}` : "";
    isGreeted = true;
    if (name === "10.11") socket.write(method(0, 10, 30, tune));
    if (name === "10.40") socket.write(method(0, 10, 41, Buffer.from([0])));
    if (name === "20.10" && answer()) socket.write(method(channel, 20, 11, Buffer.alloc(4)));
    if (name === "20.40") socket.write(method(channel, 20, 41));
  });
};

/** The servers of the schemes that keep a connection. */
export const FAKE_SERVERS = {
  http: http("OK"),
  "flower+http": http('{"celery@a":true}'),
  redis,
  grpc,
  postgres,
  mysql,
  amqp,
} as const;

/** The schemes that keep a connection. */
export const REUSING_SCHEMES: readonly string[] = Object.entries(SCHEMES)
  .filter(([, { options }]) => options.some((name) => name === "reuse"))
  .map(([scheme]) => scheme);

/** Those over TCP with their servers; those over TLS beside those without. */
export const REUSED_SERVERS: Readonly<Record<string, { readonly server: FakeServer; readonly isSecure: boolean }>> = {
  ...Object.fromEntries(
    Object.entries(FAKE_SERVERS).map(([scheme, server]) => [scheme, { server, isSecure: false }] as const),
  ),
  postgresql: { server: FAKE_SERVERS.postgres, isSecure: false },
  https: { server: FAKE_SERVERS.http, isSecure: true },
  "flower+https": { server: FAKE_SERVERS["flower+http"], isSecure: true },
  rediss: { server: FAKE_SERVERS.redis, isSecure: true },
  grpcs: { server: FAKE_SERVERS.grpc, isSecure: true },
  amqps: { server: FAKE_SERVERS.amqp, isSecure: true },
};
