/**
 * Hostile targets: each sends as fast as it can for one probe, or a byte at a time. A probe takes a bounded number of bytes
 * and of memory, fails with a reason, and ends with its deadline.
 */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { createServer, type Server, type Socket } from "node:net";
import { describe, test } from "node:test";
import { createServer as createTlsServer, TLSSocket } from "node:tls";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { Target } from "../probers/targets.js";
import { FLAG, h2frame, headerBlock, TYPE } from "../support/raw-http2.js";

const PROGRAM = fileURLToPath(new URL("hostile-process.ts", import.meta.url));
const pem = (name: string) => readFileSync(new URL(`../fixtures/tls/${name}`, import.meta.url), "utf8");
const IDENTITY = { key: pem("server.key"), cert: pem("server.crt") };

const TIMEOUT_MS = 2_000;

/** What the kernel holds for a loopback connection: send and receive buffers of their largest size (tcp_wmem, tcp_rmem). */
const KERNEL_BUFFER_BYTES = 12 * 1024 * 1024;

/** Two reads, the buffers of Node and of OpenSSL, and what the garbage collector has not freed yet. */
const MAX_GROWTH_BYTES = 40 * 1024 * 1024;

/** What a target sends: first once, then again and again. */
interface Flood {
  readonly first: Buffer;
  readonly again: Buffer;
  /** Bytes of the probe that come before the flood. Default 0: at once. */
  readonly afterBytes?: number;
  readonly reason?: string;
}

const ZEROS = Buffer.alloc(65_536);
const fill = (text: string, bytes = 65_536) => Buffer.alloc(bytes, text);
const text = (value: string) => Buffer.from(value, "latin1");
const u32 = (value: number) => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
};

const postgres = (type: string, length: number, content = "") =>
  Buffer.concat([text(type), u32(length), text(content)]);
const PG_OK = Buffer.concat([postgres("R", 8, "\0\0\0\0"), postgres("Z", 5, "I")]);
const amqpFrame = (type: number, size: number) => Buffer.concat([Buffer.from([type, 0, 0]), u32(size)]);
const AMQP_START = Buffer.concat([
  amqpFrame(1, 28),
  Buffer.from([0, 10, 0, 10, 0, 9, 0, 0, 0, 0, 0, 0, 0, 5]),
  text("PLAIN\0\0\0\x05en_US"),
  Buffer.from([0xce]),
]);
const repeated = (part: Buffer) => Buffer.concat(Array(Math.ceil(65_536 / part.length)).fill(part));
const h2 = (...frames: readonly Buffer[]) => Buffer.concat([h2frame(TYPE.SETTINGS, 0, 0), ...frames]);

const FLOODS: Readonly<Record<string, Flood>> = {
  "postgres: a message of 1 GB": { first: postgres("R", 1_000_000_000), again: ZEROS },
  "postgres: an error of 1 GB": { first: postgres("E", 1_000_000_000), again: fill("Sx") },
  "postgres: notices without an end": { first: text(""), again: repeated(postgres("N", 9, "Mab\0\0")) },
  "postgres: a row of 1 GB": {
    first: Buffer.concat([PG_OK, postgres("D", 1_000_000_000)]),
    again: ZEROS,
    afterBytes: 1,
  },
  "mysql: a greeting of many packets": {
    first: text(""),
    again: Buffer.concat([Buffer.from([0xff, 0xff, 0xff, 0]), ZEROS]),
  },
  "mysql: a greeting of 16 MB": { first: Buffer.from([0xfe, 0xff, 0xff, 0, 10]), again: fill("a") },
  "amqp: a frame of 4 GB": { first: amqpFrame(1, 0xffff_fff0), again: ZEROS },
  "amqp: heartbeats without an end": { first: text(""), again: repeated(Buffer.from([8, 0, 0, 0, 0, 0, 0, 0xce])) },
  "amqp: Start without an end": { first: text(""), again: repeated(AMQP_START) },
  "amqp: a frame of 1 GB after the login": {
    first: Buffer.concat([
      AMQP_START,
      ...[amqpFrame(1, 12), Buffer.from([0, 10, 0, 30, 0, 0, 0, 0, 0, 0, 0, 0, 0xce])],
      ...[amqpFrame(1, 5), Buffer.from([0, 10, 0, 41, 0, 0xce])],
      amqpFrame(1, 1_000_000_000),
    ]),
    again: ZEROS,
  },
  "redis: a text of 512 MB": { first: text("$536870912\r\n"), again: ZEROS },
  "redis: nested lists": { first: text(""), again: repeated(text("*1\r\n")) },
  "redis: a line without an end": { first: text("+"), again: fill("a") },
  "redis: an error without an end": { first: text("-ERR "), again: fill("a") },
  "http: a header without an end": { first: text("HTTP/1.1 200 OK\r\na: "), again: fill("a") },
  "http: headers without an end": { first: text("HTTP/1.1 200 OK\r\n"), again: repeated(text("a: b\r\n")) },
  "http: interim answers without an end": {
    first: text(""),
    again: repeated(text("HTTP/1.1 103 Early Hints\r\n\r\n")),
  },
  "http: a body without an end": { first: text("HTTP/1.1 200 OK\r\n\r\n"), again: fill("a"), reason: "pass undefined" },
  "http: a body of 1 TB": {
    first: text("HTTP/1.1 500 No\r\ncontent-length: 1000000000000\r\n\r\n"),
    again: fill("a"),
    reason: "fail status",
  },
  "http: chunks with long extensions": {
    first: text("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"),
    again: repeated(text(`1;${"a".repeat(1_000)}\r\nx\r\n`)),
  },
  "http: a chunk size without an end": {
    first: text("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"),
    again: fill("0"),
  },
  "http: trailers without an end": {
    first: text("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\n"),
    again: repeated(text("a: b\r\n")),
  },
  "flower+http: a list without an end": {
    first: text("HTTP/1.1 200 OK\r\n\r\n{"),
    again: repeated(text('"celery@a":true,')),
    reason: "fail answer",
  },
  "grpc: settings": { first: h2(), again: repeated(h2frame(TYPE.SETTINGS, 0, 0)) },
  "grpc: pings": { first: h2(), again: repeated(h2frame(TYPE.PING, 0, 0, Buffer.alloc(8))) },
  "grpc: window updates": { first: h2(), again: repeated(h2frame(TYPE.WINDOW_UPDATE, 0, 0, u32(1))) },
  "grpc: unknown frames": { first: h2(), again: repeated(h2frame(99, 0, 0, Buffer.alloc(16_000))) },
  "grpc: empty data": {
    first: h2(
      h2frame(
        TYPE.HEADERS,
        FLAG.END_HEADERS,
        1,
        headerBlock([
          [":status", "200"],
          ["content-type", "application/grpc"],
        ]),
      ),
    ),
    again: repeated(h2frame(TYPE.DATA, 0, 1)),
    afterBytes: 100,
  },
  "grpc: a message of 4 GB": {
    first: h2(
      h2frame(
        TYPE.HEADERS,
        FLAG.END_HEADERS,
        1,
        headerBlock([
          [":status", "200"],
          ["content-type", "application/grpc"],
        ]),
      ),
      h2frame(TYPE.DATA, 0, 1, Buffer.from([0, 255, 255, 255, 255])),
    ),
    again: repeated(h2frame(TYPE.DATA, 0, 1, Buffer.alloc(16_000))),
    afterBytes: 100,
  },
  "grpc: CONTINUATION": {
    first: h2(h2frame(TYPE.HEADERS, 0, 1, Buffer.alloc(10))),
    again: repeated(h2frame(TYPE.CONTINUATION, 0, 1, Buffer.alloc(100))),
    afterBytes: 100,
  },
  "grpc: interim answers": {
    first: h2(),
    again: repeated(h2frame(TYPE.HEADERS, FLAG.END_HEADERS, 1, headerBlock([[":status", "103"]]))),
    afterBytes: 100,
  },
};

/** Floods inside of TLS, by the scheme without it. */
const TLS_FLOODS: Readonly<Record<string, readonly [scheme: string, flood: string]>> = {
  "https: headers": ["https", "http: headers without an end"],
  "rediss: a text": ["rediss", "redis: a text of 512 MB"],
  "amqps: a frame": ["amqps", "amqp: a frame of 4 GB"],
  "grpcs: pings": ["grpcs", "grpc: pings"],
  "postgres+tls: a message": ["postgres+tls", "postgres: a message of 1 GB"],
  "mysql+tls: a greeting": ["mysql+tls", "mysql: a greeting of 16 MB"],
};

/** Sends a flood as fast as the other end takes it. */
function send(socket: Socket, { first, again, afterBytes = 0 }: Flood): void {
  let received = 0;
  let isSending = false;
  const more = () => {
    while (!socket.destroyed && socket.write(again)) {
      // until the buffer is full
    }
  };
  const begin = () => {
    if (isSending || received < afterBytes) return;
    isSending = true;
    socket.write(first);
    more();
  };
  socket.on("drain", more).on("error", () => {});
  socket.on("data", (bytes) => {
    received += bytes.length;
    begin();
  });
  begin();
}

/** Agrees on TLS in the way of the scheme, then sends the flood. */
function sendOverTls(socket: Socket, scheme: string, flood: Flood): void {
  socket.on("error", () => {});
  const secure = () => send(new TLSSocket(socket, { isServer: true, ...IDENTITY }), { ...flood, afterBytes: 1 });
  if (scheme === "mysql+tls") socket.write(MYSQL_TLS_GREETING);
  socket.once("data", (bytes) => {
    if (scheme === "postgres+tls") socket.write("S");
    // a client of MySQL does not wait before it starts TLS: its first bytes may come in the same read
    const start = bytes.subarray(MYSQL_TLS_REQUEST_BYTES);
    if (scheme === "mysql+tls" && start.length > 0) socket.pause().unshift(start);
    secure();
  });
}

/** A packet with the client's capabilities, and no more (SSLRequest). */
const MYSQL_TLS_REQUEST_BYTES = 36;

/** Version 10, and the capabilities that the client needs for TLS (0x800) and a login. */
const MYSQL_TLS_GREETING = Buffer.concat([
  Buffer.from([73, 0, 0, 0, 10]),
  text("8.0.0\0\x01\0\0\0abcdefgh\0"),
  Buffer.from([0x01, 0x8a, 45, 2, 0, 0x08, 0x00, 21, ...Array(10).fill(0)]),
  text("ijklmnopqrst\0mysql_native_password\0"),
]);

/** Probes the target in a child process. */
async function probeAlone(scheme: string, port: number, timeoutMs = TIMEOUT_MS) {
  const url = (at: number) => `${scheme}://${/postgres|mysql|amqp/.test(scheme) ? "me:secret@" : ""}127.0.0.1:${at}`;
  const args = ["--expose-gc", "--import", "tsx", PROGRAM, url(port), String(timeoutMs), url(1)];
  const { stdout } = await promisify(execFile)(process.execPath, args, { timeout: 60_000 });
  const { verdict, grownBytes, tookMs } = JSON.parse(stdout);
  return { verdict: String(verdict), grownBytes: Number(grownBytes), tookMs: Number(tookMs) };
}

async function attack(scheme: string, server: Server, reason: string): Promise<void> {
  let sent = 0;
  const target = await Target.start(server);
  const sockets = new Set<Socket>();
  server.on("connection", (socket: Socket) => sockets.add(socket));
  try {
    const { verdict, grownBytes } = await probeAlone(scheme, target.port);
    for (const { bytesWritten, writableLength } of sockets) sent += bytesWritten - writableLength;
    assert.equal(verdict, reason);
    const grown = `the memory grew by ${Math.round(grownBytes / 1e6)} MB, ${Math.round(sent / 1e6)} MB were taken`;
    assert.ok(sent <= KERNEL_BUFFER_BYTES * sockets.size && grownBytes <= MAX_GROWTH_BYTES, grown);
  } finally {
    await target.stop();
  }
}

describe("a target that floods its probe", { concurrency: 2 }, () => {
  for (const [name, flood] of Object.entries(FLOODS))
    test(name, () => {
      const server = createServer({ allowHalfOpen: false }, (socket) => send(socket, flood));
      return attack(name.split(":")[0] ?? "", server, flood.reason ?? "fail protocol");
    });

  for (const [name, [scheme, floodName]] of Object.entries(TLS_FLOODS))
    test(`over TLS, ${name}`, () => {
      const flood = FLOODS[floodName];
      assert.ok(flood !== undefined);
      const server = scheme.includes("+tls")
        ? createServer((socket) => sendOverTls(socket, scheme, flood))
        : createTlsServer({ ...IDENTITY, ALPNProtocols: scheme === "grpcs" ? ["h2"] : ["http/1.1"] }, (socket) =>
            send(socket, flood),
          ).on("tlsClientError", () => {});
      return attack(scheme, server, "fail protocol");
    });

  test("tls: a chain of certificates of 300 KB", async () => {
    const cert = IDENTITY.cert + pem("ca.crt").repeat(300);
    const server = createTlsServer({ key: IDENTITY.key, cert }).on("tlsClientError", () => {});
    await attack("tls", server, "fail tls");
  });
});

describe("a target that sends a byte each 100 ms", { concurrency: 4 }, () => {
  for (const name of ["postgres: a message of 1 GB", "mysql: a greeting of 16 MB", "amqp: Start without an end"].concat(
    [
      "redis: a line without an end",
      "http: headers without an end",
      "flower+http: a list without an end",
      "grpc: pings",
    ],
  ))
    test(`ends with the timeout: ${name}`, async () => {
      const flood = FLOODS[name];
      assert.ok(flood !== undefined);
      const bytes = Buffer.concat([flood.first, flood.again]);
      const target = await Target.start(
        createServer((socket) => {
          let at = 0;
          const timer = setInterval(() => socket.write(bytes.subarray(at, ++at)), 100);
          socket.resume().on("close", () => clearInterval(timer));
        }),
      );
      const { verdict, tookMs } = await probeAlone(name.split(":")[0] ?? "", target.port, 700);
      assert.equal(verdict, "fail timeout");
      assert.ok(tookMs >= 690 && tookMs < 3_000, `${tookMs} ms`);
      await target.stop();
    });
});
