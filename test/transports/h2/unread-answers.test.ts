/** Answers that the client does not take: each has a deadline, a connection has a bound, a Watch costs one slot. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import { describe, type TestContext, test } from "node:test";
import { type Clock, systemClock } from "../../../src/core/clock.js";
import { FairTurns } from "../../../src/core/fair-turns.js";
import { SharedBytesPool } from "../../../src/core/shared-bytes.js";
import { Health, type ListenOptions } from "../../../src/index.js";
import { Registry } from "../../../src/registry/registry.js";
import { HealthService } from "../../../src/transports/grpc/health-service.js";
import { createH2Engine } from "../../../src/transports/h2/engine.js";
import { eventually, pause } from "../../support/eventually.js";
import { frame, GrpcPeer, HEALTH, request } from "../../support/grpc-peer.js";
import { portOf } from "../../support/port-of.js";
import { callHeaders, FLAG, h2frame, headerBlock, RawPeer, TYPE, uint32 } from "../../support/raw-http2.js";
import { VirtualClock } from "../../support/virtual-clock.js";

const INITIAL_WINDOW = Buffer.from([0, 4]);

async function serve(t: TestContext, options: ListenOptions = {}, clock: Clock = systemClock) {
  const health = new Health({ listLimit: 100_000, clock });
  const server = await health.listen(["127.0.0.1:0"], { engine: "native", ...options });
  t.after(() => health.shutdown({ drainDelayMs: 0, closeTimeoutMs: 0 }));
  return { health, server, port: portOf(server) };
}

/** A client whose streams begin with a window of `octets`. */
async function peerWithWindow(t: TestContext, port: number, octets: number): Promise<RawPeer> {
  const peer = new RawPeer(port);
  t.after(() => peer.close());
  await peer.greet();
  peer.write(h2frame(TYPE.SETTINGS, 0, 0, Buffer.concat([INITIAL_WINDOW, uint32(octets)])));
  return peer;
}

function call(stream: number, method: string, service = ""): Buffer {
  const head = h2frame(TYPE.HEADERS, FLAG.END_HEADERS, stream, headerBlock(callHeaders(`${HEALTH}/${method}`)));
  return Buffer.concat([head, h2frame(TYPE.DATA, FLAG.END_STREAM, stream, frame(request(service)))]);
}

function get(stream: number, path: string): Buffer {
  const fields = [
    [":method", "GET"],
    [":scheme", "http"],
    [":path", path],
    [":authority", "test"],
  ] as const;
  return h2frame(TYPE.HEADERS, FLAG.END_HEADERS | FLAG.END_STREAM, stream, headerBlock(fields));
}

const widen = (stream: number, octets: number) => h2frame(TYPE.WINDOW_UPDATE, 0, stream, uint32(octets));

/** As many names as make a List of about `bytes`. */
function fill(health: Health, bytes: number): void {
  for (let index = 0; index < bytes / 210; index += 1) health.set(`${index}`.padEnd(200, "x"), "SERVING");
}

describe("an answer that the client does not take", () => {
  const answers: Readonly<Record<string, Buffer>> = {
    "a Check": call(1, "Check"),
    "a List": call(1, "List"),
    "plain HTTP": get(1, "/healthcheck"),
  };
  for (const [what, ask] of Object.entries(answers))
    test(`is reset after its deadline: ${what}`, async (t) => {
      const { port } = await serve(t, { answerTimeoutMs: 100 });
      const peer = await peerWithWindow(t, port, 0);
      peer.write(ask);
      await eventually(() => peer.reset(1) === "CANCEL", "the reset");
      peer.write(widen(1, 100), call(3, "Check"), widen(3, 7));
      await eventually(() => peer.data(3).length === 7, "the connection serves on");
      assert.equal(peer.data(1).length, 0);
    });

  test("leaves a Watch open, which has the newest status when the client reads on", async (t) => {
    const { health, port } = await serve(t, { answerTimeoutMs: 50 });
    const peer = await peerWithWindow(t, port, 0);
    peer.write(call(1, "Watch", "a"));
    await eventually(() => health.watcherCount === 1, "the Watch is open");
    await pause(200);
    health.set("a", "NOT_SERVING");
    health.set("a", "SERVING");
    peer.write(widen(1, 100));
    await eventually(() => peer.data(1).length === 14, "the first status and the newest");
    assert.equal(peer.data(1).subarray(7).toString("hex"), "00000000020801");
    assert.equal(peer.reset(1), undefined);
  });

  test("may make progress as slowly as it likes, a little within each deadline", async (t) => {
    const clock = new VirtualClock();
    const { health, server, port } = await serve(t, { answerTimeoutMs: 400 }, clock);
    fill(health, 2_000);
    const peer = await peerWithWindow(t, port, 0);
    peer.write(call(1, "List"));
    await eventually(() => peer.frames().some(({ stream }) => stream === 1), "the answer begins");
    for (let step = 1; step <= 19; step += 1) {
      await clock.advance(399);
      peer.write(widen(1, 110));
      await eventually(() => peer.data(1).length === step * 110, `part ${step}`);
    }
    peer.write(widen(1, 110));
    await eventually(() => peer.data(1).length > 2_000 + 90, "the whole list");
    assert.equal(peer.reset(1), undefined);
    peer.close();
    await eventually(() => server.connectionCount === 0, "the client has gone"); // its clock ends no shutdown
  });
});

describe("the memory of unread answers", () => {
  /** An engine whose answers to plain HTTP are texts of 50 kB, with a pool of `maxBytes`. */
  async function serveEngine(t: TestContext, maxBytes: number) {
    const registry = new Registry({ clock: systemClock, instance: "unread" });
    const pool = new SharedBytesPool(maxBytes);
    const ms = 60_000;
    const engine = createH2Engine({
      ...{
        clock: systemClock,
        turns: new FairTurns(systemClock, "unread"),
        random: Math.random,
        instance: "unread",
        pool,
        reflection: undefined,
        statusCodePaths: [],
      },
      service: new HealthService(registry),
      times: {
        ...{ keepaliveTimeMs: ms, keepaliveTimeoutMs: ms, maxConnectionIdleMs: ms, maxConnectionAgeMs: ms },
        ...{ maxConnectionAgeGraceMs: ms, firstBytesTimeoutMs: ms, requestTimeoutMs: ms, answerTimeoutMs: ms },
      },
      responder: {
        tooManyBodyBytes: 1,
        wantsBody: () => false,
        answer: (_, send) => void send({ status: 200, headers: {}, body: "x".repeat(50_000) }),
      },
    });
    const server = createServer((socket) => engine.accept(socket.on("error", () => {}))).listen(0, "127.0.0.1");
    t.after(() => void server.close());
    await once(server, "listening");
    // a server that listens on a port has an address with one
    return { registry, pool, port: (server.address() as AddressInfo).port };
  }

  test("is bounded for a connection: its next requests are refused, and served again when the client has read", async (t) => {
    const { port } = await serveEngine(t, 1_000_000);
    const peer = await peerWithWindow(t, port, 0);
    for (let index = 0; index < 10; index += 1) peer.write(get(2 * index + 1, "/"));
    await eventually(() => peer.reset(19) === "REFUSED_STREAM", "the last is refused");
    const held = [1, 3, 5, 7, 9, 11];
    assert.deepEqual(
      held.map((stream) => peer.reset(stream)),
      held.map(() => undefined),
    );
    for (const stream of held) peer.write(widen(stream, 100_000));
    peer.write(widen(0, 10_000_000));
    await eventually(() => held.every((stream) => peer.data(stream).length === 50_000), "the answers that waited");
    peer.write(get(21, "/"), widen(21, 100_000));
    await eventually(() => peer.data(21).length === 50_000, "a later answer");
  });

  test("holds one List for all streams, until a status changes", async (t) => {
    const { registry, pool, port } = await serveEngine(t, 1_000_000);
    for (let index = 0; index < 500; index += 1) registry.set(`${index}`.padEnd(200, "x"), "SERVING");
    const peer = await peerWithWindow(t, port, 0);
    for (let stream = 1; stream < 100; stream += 2) peer.write(call(stream, "List"));
    await eventually(() => peer.frames().filter(({ type }) => type === TYPE.HEADERS).length === 50, "50 answers begin");
    const one = pool.heldBytes;
    assert.ok(one > 100_000 && one < 120_000, `${one} bytes`);
    registry.set("another", "SERVING");
    peer.write(call(101, "List"));
    await eventually(() => pool.heldBytes > one, "the new list is held too");
    peer.close();
    await eventually(() => pool.heldBytes === 0, "nothing is held without a client");
  });

  test("is bounded for the process: the answers that were read least recently are reset", async (t) => {
    const { registry, pool, port } = await serveEngine(t, 250_000);
    for (let index = 0; index < 500; index += 1) registry.set(`${index}`.padEnd(200, "x"), "SERVING");
    const peer = await peerWithWindow(t, port, 0);
    for (const stream of [1, 3, 5]) {
      registry.set("changing", stream === 3 ? "SERVING" : "NOT_SERVING");
      peer.write(call(stream, "List"));
      await eventually(() => peer.frames().some((frame) => frame.stream === stream), `answer ${stream} begins`);
    }
    await eventually(() => peer.reset(1) === "CANCEL", "the oldest is reset");
    assert.ok(pool.heldBytes <= 250_000);
    peer.write(widen(5, 200_000), widen(0, 200_000));
    await eventually(() => peer.data(5).length > 100_000, "the newest arrives");
    assert.equal(peer.reset(3), undefined);
  });
});

test("17 MB arrive whole, and other connections are answered meanwhile", async (t) => {
  const { health, port } = await serve(t);
  fill(health, 17_500_000);
  const [peer, other] = [new GrpcPeer(port), new GrpcPeer(port)];
  t.after(() => {
    for (const { session } of [peer, other]) session.destroy();
  });
  const list = peer.call(`${HEALTH}/List`, frame(Buffer.alloc(0)));
  assert.equal((await other.check("")).status, 1);
  const { code, messages } = await list;
  assert.equal(code, 0);
  assert.ok((messages[0]?.length ?? 0) > 17_000_000, `${messages[0]?.length} bytes`);
});
