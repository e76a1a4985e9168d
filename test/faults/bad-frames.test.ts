/**
 * Connections that break HTTP/2, a thousand of each kind of section B2, on our own engine: sockets, watchers and memory are
 * as before, and an honest client, who asks all the while, has not noticed.
 */
import assert from "node:assert/strict";
import { describe, type TestContext, test } from "node:test";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { type BadFrames, check, setting, widen } from "../conformance/bad-frame.js";
import { BAD_FRAMES, outcomeOn } from "../conformance/bad-frames.js";
import { BOTH_PORTS, countsOf, fill, opened } from "../conformance/frames.rows.js";
import { healthbridgeOn } from "../conformance/healthbridge.js";
import type { ServerUnderTest } from "../conformance/server-under-test.js";
import { eventually, pause } from "../support/eventually.js";
import { GrpcPeer } from "../support/grpc-peer.js";

const INITIAL_WINDOW_SIZE = 4;

const CONNECTIONS = 1_000;
const AT_ONCE = 50;

/** A second of a quiet machine, in pauses of 5 ms: on a busy one each takes longer. */
const PAUSES = 200;

/** What the server ends by its time for a handshake, which can't be shortened: here the client hangs up. */
const HANGS_UP = "B59";
/** What it ends by its time for the first bytes, which is this here. */
const SILENT = { row: "B56", firstBytesTimeoutMs: 500 };

/**
 * Each of these connections has 20 MB of answers made for it, or sends 7,000 frames: a tenth of them takes as long as the
 * others do.
 */
const COSTLY = ["answers of more than 16 MB that are not read"];
const COSTLY_IN_CI = ["a thousand answers let go by single octets"];

/** `npm run proof -- faults` does not shorten what CI shortens. */
const isProof = process.env.FAULTS_PROOF === "1";

/** What connections may leave behind: twice as much as new code and its caches do; a session has several kilobytes. */
const MAX_BYTES_LEFT = 2_000_000;

/** What a connection may make us keep. */
const MAX_BYTES_KEPT = 16 * 1024 * 1024;

const connectionsOf = ({ what }: BadFrames): number =>
  COSTLY.includes(what) || (!isProof && COSTLY_IN_CI.includes(what)) ? CONNECTIONS / 10 : CONNECTIONS;

/** A silent connection costs nothing but time: more of them wait together. */
const atOnceFor = ({ row }: BadFrames): number => (row === SILENT.row ? 5 * AT_ONCE : AT_ONCE);

describe("connections that break HTTP/2 leave nothing behind [C24]", { concurrency: 1 }, () => {
  for (const kind of BAD_FRAMES) {
    test(`${kind.what}, on ${connectionsOf(kind)} connections [${kind.row}]`, async (t) => {
      const times = kind.row === SILENT.row ? { firstBytesTimeoutMs: SILENT.firstBytesTimeoutMs } : {};
      const server = await healthbridgeOn("native")({ ...BOTH_PORTS, ...times });
      const honest = new GrpcPeer(server.port);
      try {
        fill(server);
        await suffers(t, server, kind, honest);
      } finally {
        honest.close();
        await server.stop();
      }
    });
  }
});

test("a thousand answers that are read byte by byte keep less than 16 MB [B53]", async (t) => {
  const server = await healthbridgeOn("native")(BOTH_PORTS);
  try {
    fill(server);
    const raw = await opened(server, "watch");
    const former = heapBytes();
    const streams = Array.from({ length: 1_000 }, (_, index) => 3 + 2 * index);
    raw.write(setting(INITIAL_WINDOW_SIZE, 0), ...streams.map((stream) => check(stream)));
    raw.write(...streams.map((stream) => widen(stream, 1)));
    await eventually(() => streams.every((stream) => raw.data(stream).length === 1), "an octet of every answer");
    const bytes = heapBytes() - former;
    t.diagnostic(`${bytes} bytes kept`);
    assert.ok(bytes < MAX_BYTES_KEPT, `${bytes} bytes are kept`);
    assert.equal(raw.closed, false);
    raw.close();
    await eventually(() => server.watcherCount() === 0 && server.connectionCount() === 0, "nothing is left");
  } finally {
    await server.stop();
  }
});

async function suffers(t: TestContext, server: ServerUnderTest, kind: BadFrames, honest: GrpcPeer): Promise<void> {
  const watching = honest.watch("a");
  await watching.saw(3);
  await attack(server, kind, atOnceFor(kind)); // what is made once for all is made
  const asking = new Asking(honest);
  await asking.answered(1);
  const [former, formerBytes] = [traces(server), heapBytes()];
  const startedAt = performance.now();
  await attack(server, kind, connectionsOf(kind));
  const attackedAt = performance.now();
  for (let left = PAUSES; traces(server) !== former && left > 0; left -= 1) await pause(5);
  assert.equal(traces(server), former);
  const goneAt = performance.now();
  await asking.stop();
  server.set("a", "SERVING");
  await watching.saw(3, 1);
  assert.equal(watching.end, undefined);
  const bytes = heapBytes() - formerBytes;
  t.diagnostic(
    `${Math.round(attackedAt - startedAt)} ms, gone after ${Math.round(goneAt - attackedAt)} ms, ${bytes} bytes left`,
  );
  assert.ok(bytes < MAX_BYTES_LEFT, `${bytes} bytes are left`);
}

/** What connections leave for others to see: sockets of either side are handles of this process. */
function traces(server: ServerUnderTest): string {
  const sockets = process.getActiveResourcesInfo().filter((kind) => kind === "TCPSocketWrap").length;
  return `${countsOf(server)}, ${sockets} sockets`;
}

function heapBytes(): number {
  setFlagsFromString("--expose-gc");
  const collect: () => void = runInNewContext("gc");
  collect();
  return process.memoryUsage().heapUsed;
}

/** Opens so many connections, some at once, and breaks each. */
async function attack(server: ServerUnderTest, kind: BadFrames, connections: number): Promise<void> {
  const bytes = kind.bytes();
  let left = connections;
  const attacker = async () => {
    for (; left > 0; ) {
      left -= 1;
      await breaks(server, kind, bytes, left);
    }
  };
  await Promise.all(Array.from({ length: atOnceFor(kind) }, attacker));
}

async function breaks(server: ServerUnderTest, kind: BadFrames, bytes: Buffer, index: number): Promise<void> {
  const { after = ["greeting", "watch"], outcomes, onTlsPort } = kind;
  const raw = await opened(server, after[index % after.length] ?? "greeting", onTlsPort);
  try {
    raw.write(bytes);
    if (kind.row === HANGS_UP) return;
    await eventually(() => outcomeOn(raw, kind) !== undefined, "what comes of it");
    const outcome = outcomeOn(raw, kind);
    assert.ok(outcome !== undefined && outcomes.includes(outcome), outcome);
  } finally {
    raw.close();
  }
}

/** An honest client, who asks Check after Check. */
class Asking {
  readonly #peer: GrpcPeer;
  readonly #ended: Promise<void>;
  #answers = 0;
  #stopped = false;

  constructor(peer: GrpcPeer) {
    this.#peer = peer;
    this.#ended = this.#ask();
    // a test that has failed closes the connection: that error must not be reported in the place of its own
    this.#ended.catch(() => {});
  }

  /** Resolves when so many answers have come. Rejects when one was not SERVING. */
  async answered(count: number): Promise<void> {
    await Promise.race([this.#ended, eventually(() => this.#answers >= count, "an honest client's answer")]);
  }

  /** Stops after the next answer. Rejects when one was not SERVING. */
  async stop(): Promise<void> {
    await this.answered(this.#answers + 1);
    this.#stopped = true;
    await this.#ended;
  }

  async #ask(): Promise<void> {
    while (!this.#stopped) {
      const { status, code } = await this.#peer.check("");
      assert.deepEqual([code, status], [0, 1]);
      this.#answers += 1;
      await pause(5);
    }
  }
}
