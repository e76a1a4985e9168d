/** Pipelined requests of HTTP/1: answered in order, and few of them wait. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { eventually, pause } from "../../support/eventually.js";
import { VirtualClock } from "../../support/virtual-clock.js";
import { endedConnections, METRICS, pageOf, serving } from "./http1-fixture.js";

const HEALTHCHECK = "GET /healthcheck HTTP/1.1\r\nHost: a\r\n\r\n";
const LAST = "GET /livez HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
/** The parser accepts nothing after it. */
const UNREADABLE = "BROKEN / HTTP/1.1\r\n\r\n";

/** Everything that a server sends until it closes. */
async function readAll(client: AsyncIterable<Buffer>): Promise<string> {
  let text = "";
  for await (const bytes of client) text += bytes;
  return text;
}

/** The statuses of answers, in order; of a 200 its length as well. */
const answersIn = (text: string) =>
  [...text.matchAll(/HTTP\/1\.1 (\d+) [\s\S]*?content-length: (\d+)/gi)].map(([, code, length]) => `${code} ${length}`);

describe("pipelined requests", () => {
  test("are answered in order, also when the first takes longest", async (t) => {
    const { open } = await serving(t, new VirtualClock(), { metrics: pageOf(100_000) });
    const text = await readAll(open(`${METRICS}${HEALTHCHECK}HEAD ${METRICS.slice(4)}${HEALTHCHECK}${LAST}`));
    assert.deepEqual(answersIn(text), ["200 100000", "200 2", "200 100000", "200 2", "200 2"]);
  });

  test("all 450 for a page are answered to a client that reads", async (t) => {
    const { open } = await serving(t, new VirtualClock(), { metrics: pageOf(100_000) });
    const text = await readAll(open(METRICS.repeat(450) + LAST));
    assert.deepEqual(answersIn(text), [...Array(450).fill("200 100000"), "200 2"]);
  });

  test("with bodies are read in their turn", async (t) => {
    const { open } = await serving(t, new VirtualClock(), { metrics: pageOf(100_000) });
    const head = "POST /grpc.health.v1.Health/Check HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n";
    const client = open(`${METRICS}${head}Content-Length: 14\r\n\r\n{"serv`);
    setTimeout(() => client.write(`ice":""}${METRICS}${LAST}`), 100);
    assert.deepEqual(answersIn(await readAll(client)), ["200 100000", "200 20", "200 100000", "200 2"]);
  });

  test("that nobody takes the answers of are not read on: six clients with 450 each hold a page and little else", async (t) => {
    const { clock, stall, pool, sockets } = await serving(t, new VirtualClock(), { metrics: pageOf(8_000_000) });
    const ended = endedConnections(t);
    for (let client = 0; client < 6; client += 1) await stall(METRICS.repeat(450));
    for (const socket of sockets) assert.ok(socket.writableLength <= 256 * 1024, `${socket.writableLength} bytes wait`);
    assert.equal(pool.heldBytes, 8_000_000);
    await clock.advance(40_000);
    await eventually(() => pool.heldBytes === 0 && sockets.every(({ closed }) => closed), "ended");
    assert.deepEqual(
      ended.map(({ rule }) => rule),
      Array(6).fill("unread-answer"),
    );
  });

  test("wait in small number: a client that sends without end is not read from", async (t) => {
    const { stall } = await serving(t, new VirtualClock(), { metrics: pageOf(8_000_000) });
    const { client, socket } = await stall(METRICS);
    const sent = 20_000_000;
    client.write(METRICS.repeat(sent / METRICS.length));
    const { bytesRead } = socket;
    await eventually(() => socket.bytesRead > bytesRead, "some are read");
    await pause(500);
    assert.ok(socket.bytesRead < 300_000, `${socket.bytesRead} bytes read`);
    assert.equal(socket.destroyed, false);
  });

  test("are not read on while the first answer is being made", async (t) => {
    const { open, sockets } = await serving(t, new VirtualClock(), { metrics: pageOf(7_000_000) });
    const ended = endedConnections(t);
    const client = open(METRICS.repeat(100_000));
    await eventually(() => (sockets[0]?.bytesWritten ?? 0) > 0, "the first answer begins");
    assert.ok((sockets[0]?.bytesRead ?? 0) < 200_000, `${sockets[0]?.bytesRead} bytes read`);
    assert.deepEqual(ended, []);
    client.destroy();
  });

  test("are read on as they are answered, and no faster", async (t) => {
    const { open } = await serving(t, new VirtualClock(), {});
    const ended = endedConnections(t);
    const client = open(HEALTHCHECK.repeat(100_000));
    let received = 0;
    client.on("data", (bytes) => {
      received += bytes.length;
    });
    await eventually(() => received > 2_000_000, "some 10,000 answers");
    assert.deepEqual(ended, []);
    client.destroy();
  });

  test("beyond 4,096 that wait over all connections end the one that has waited longest, and no other", async (t) => {
    const { open, sockets } = await serving(t, new VirtualClock(), { metrics: pageOf(8_000_000) });
    const ended = endedConnections(t);
    // 59 of a slice wait beside the one that is answered
    for (let index = 0; index < 70; index += 1) {
      open(METRICS.repeat(1_800)).pause();
      await eventually(() => (sockets[index]?.bytesWritten ?? 0) > 0, "the first answer begins");
    }
    await eventually(() => ended.length > 0, "the first is ended");
    assert.deepEqual(
      ended.map(({ rule }) => rule),
      ["pipelined-requests"],
    );
    assert.deepEqual(
      sockets.map(({ destroyed }) => destroyed),
      [true, ...Array(69).fill(false)],
    );
    assert.deepEqual(answersIn(await readAll(open(LAST))), ["200 2"]);
    // those of closed connections wait no more
    for (const socket of sockets) socket.destroy();
    await eventually(() => sockets.every(({ closed }) => closed), "closed");
    assert.equal(answersIn(await readAll(open(METRICS.repeat(3) + LAST))).length, 4);
  });
});

describe("what the parser cannot read", () => {
  test("is refused after the answers that are due", async (t) => {
    const { open } = await serving(t, new VirtualClock(), { metrics: pageOf(3_000_000) });
    assert.deepEqual(answersIn(await readAll(open(UNREADABLE))), ["400 11"]);
    assert.deepEqual(answersIn(await readAll(open(HEALTHCHECK + UNREADABLE))), ["200 2", "400 11"]);
    assert.deepEqual(answersIn(await readAll(open(METRICS + UNREADABLE))), ["200 3000000", "400 11"]);
  });

  test("is refused once, whatever comes after it", async (t) => {
    const { open } = await serving(t, new VirtualClock(), { metrics: pageOf(20_000_000) });
    const warnings: Error[] = [];
    const onWarning = (warning: Error) => void warnings.push(warning);
    process.on("warning", onWarning);
    const client = open(METRICS + UNREADABLE).pause();
    for (let count = 0; count < 30; count += 1) {
      client.write(UNREADABLE);
      await pause(2);
    }
    assert.deepEqual(answersIn(await readAll(client)), ["200 20000000", "400 11"]);
    process.off("warning", onWarning);
    assert.deepEqual(warnings, [], "no listeners pile up");
  });

  test("ends a large last answer neither early nor with a second one", async (t) => {
    const { open } = await serving(t, new VirtualClock(), { metrics: pageOf(3_000_000) });
    const last = METRICS.replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n");
    const text = await readAll(open(last + UNREADABLE));
    assert.deepEqual(answersIn(text), ["200 3000000"]);
    assert.ok(text.length > 3_000_000);
  });
});
