/** The deadlines of streams: what goes wrong in one ends its connection, and nothing else. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { Duplex } from "node:stream";
import { test } from "node:test";
import { subscribe } from "../../../src/core/channels.js";
import { systemClock } from "../../../src/core/clock.js";
import { FairTurns } from "../../../src/core/fair-turns.js";
import { SharedBytesPool } from "../../../src/core/shared-bytes.js";
import { createH2Engine } from "../../../src/transports/h2/engine.js";
import type { HttpResponder } from "../../../src/wire/http-message.js";
import { eventually } from "../../support/eventually.js";
import {
  FLAG,
  h2frame,
  headerBlock,
  PREFACE,
  RawPeer,
  type ReceivedFrame,
  readFrames,
  TYPE,
  uint32,
} from "../../support/raw-http2.js";
import { VirtualClock } from "../../support/virtual-clock.js";

const POST = [
  [":method", "POST"],
  [":scheme", "http"],
  [":path", "/"],
] as const;

test("an error of ours at the deadline of a request ends its connection, and not the process", async (t) => {
  const ms = 60_000;
  const noWallTime = () => {
    throw new Error("no wall time");
  };
  const engine = createH2Engine({
    ...{ clock: { ...systemClock, wallTime: noWallTime }, random: Math.random, instance: "timeouts" },
    turns: new FairTurns(systemClock, "timeouts"),
    ...{ service: undefined, reflection: undefined, statusCodePaths: [], pool: new SharedBytesPool() },
    times: {
      ...{ keepaliveTimeMs: ms, keepaliveTimeoutMs: ms, maxConnectionIdleMs: ms, maxConnectionAgeMs: ms },
      ...{ maxConnectionAgeGraceMs: ms, firstBytesTimeoutMs: ms, requestTimeoutMs: 20, answerTimeoutMs: ms },
    },
    responder: { tooManyBodyBytes: 10, wantsBody: () => true, answer: () => {} },
  });
  const faults: unknown[] = [];
  t.after(subscribe("fault", ({ instance, error }) => instance === "timeouts" && faults.push(error)));
  const server = createServer((socket) => engine.accept(socket.on("error", () => {}))).listen(0, "127.0.0.1");
  t.after(() => void server.close());
  await once(server, "listening");
  // a server that listens on a port has an address with one
  const peer = new RawPeer((server.address() as AddressInfo).port);
  t.after(() => peer.close());
  await peer.greet();
  peer.write(h2frame(TYPE.HEADERS, FLAG.END_HEADERS, 1, headerBlock(POST)));
  await eventually(() => peer.goAway() === "INTERNAL_ERROR", "the connection is ended", 5_000);
  assert.deepEqual(faults.map(String), ["Error: no wall time"]);
});

const MINUTE_MS = 60_000;
const TIMES = {
  ...{ keepaliveTimeMs: 100 * MINUTE_MS, keepaliveTimeoutMs: MINUTE_MS, maxConnectionIdleMs: 100 * MINUTE_MS },
  ...{ maxConnectionAgeMs: Number.POSITIVE_INFINITY, maxConnectionAgeGraceMs: MINUTE_MS },
  ...{ firstBytesTimeoutMs: MINUTE_MS, requestTimeoutMs: 5_000, answerTimeoutMs: 30_000 },
};

/** A socket whose client takes one write each time that the test says so. */
class SlowSocket extends Duplex {
  readonly remoteAddress = "192.0.2.1";
  readonly written: Buffer[] = [];
  #takeNext: (() => void) | undefined;

  override _write(bytes: Buffer, _encoding: unknown, done: () => void): void {
    this.#takeNext = () => {
      this.written.push(bytes);
      done();
    };
  }

  override _read(): void {}

  takeWrite(): void {
    const take = this.#takeNext;
    this.#takeNext = undefined;
    take?.();
  }

  get frames(): readonly ReceivedFrame[] {
    return readFrames(Buffer.concat(this.written)).frames;
  }
}

const turn = () => new Promise((resolve) => setImmediate(resolve));

/** A connection that asks for 1 MB and allows all of it. */
async function asking(times: Partial<typeof TIMES>, responder: HttpResponder) {
  const clock = new VirtualClock();
  const engine = createH2Engine({
    ...{
      clock,
      turns: new FairTurns(clock, "timeouts"),
      random: () => 0.5,
      instance: "timeouts",
      pool: new SharedBytesPool(),
      times: { ...TIMES, ...times },
    },
    ...{ service: undefined, reflection: undefined, statusCodePaths: [], responder },
  });
  const socket = new SlowSocket();
  // the engine uses what every stream has, and the address
  engine.accept(socket as unknown as Socket);
  const window = h2frame(TYPE.SETTINGS, 0, 0, Buffer.concat([Buffer.from([0, 4]), uint32(10_000_000)]));
  const get = [[":method", "GET"], ...POST.slice(1)] as const;
  const head = h2frame(TYPE.HEADERS, FLAG.END_HEADERS | FLAG.END_STREAM, 1, headerBlock(get));
  socket.push(Buffer.concat([PREFACE, window, h2frame(TYPE.WINDOW_UPDATE, 0, 0, uint32(10_000_000)), head]));
  await turn();
  return { clock, socket };
}

const megabyte: HttpResponder = {
  tooManyBodyBytes: 1,
  wantsBody: () => false,
  answer: (_, send) => void send({ status: 200, headers: {}, body: "x".repeat(1_000_000) }),
};

test("a client that reads its socket slowly, a part of what waits in each deadline, has the whole answer", async () => {
  const { clock, socket } = await asking({}, megabyte);
  const isEnded = () => socket.frames.some(({ type, payload }) => type === TYPE.DATA && payload.length < 16_384);
  for (let step = 0; step < 60 && !isEnded(); step += 1) {
    await clock.advance(20_000);
    socket.takeWrite();
    await turn();
    await turn();
  }
  assert.equal(socket.frames.filter(({ type }) => type === TYPE.RST_STREAM).length, 0);
  const bytes = socket.frames.filter(({ type }) => type === TYPE.DATA).map(({ payload }) => payload.length);
  assert.equal(
    bytes.reduce((sum, length) => sum + length, 0),
    1_000_000,
  );
});

test("a client that does not read its socket has its answer reset", async () => {
  const { clock, socket } = await asking({}, megabyte);
  await clock.advance(61_000);
  for (let step = 0; step < 20; step += 1) {
    socket.takeWrite();
    await turn();
  }
  assert.equal(socket.frames.filter(({ type }) => type === TYPE.RST_STREAM).length, 1);
});
