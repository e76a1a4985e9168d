import assert from "node:assert/strict";
import { createServer } from "node:net";
import { test } from "node:test";
import { resolverFor } from "../../src/client/resolver.js";
import { Health } from "../../src/daemon/health.js";
import { openFunction } from "../../src/probers/function.js";
import { type LibraryClient, openLibraryProber } from "../../src/probers/library-prober.js";
import { systemDeps } from "../../src/probers/schemes.js";
import { VirtualClock } from "../support/virtual-clock.js";
import { probe, verdict } from "./probing.js";
import { Target } from "./targets.js";

const throwing = (trap: "ok" | "status" | "message") =>
  Object.defineProperty({ ok: trap === "message" ? false : undefined }, trap, {
    get: () => {
      throw new Error(`no ${trap}`);
    },
  });

for (const [label, value, expected] of [
  ["true", true, "pass"],
  ["false", false, "fail result"],
  ["undefined", undefined, "pass"],
  ["null", null, "pass"],
  ["0", 0, "pass"],
  ["an empty text", "", "pass"],
  ["the text `fail`", "fail", "pass"],
  ["rows of a query", [], "pass"],
  ["a result of a query", { rows: [], rowCount: 0 }, "pass"],
  ["a Response with 204", new Response(null, { status: 204 }), "pass"],
  ["a Response with 500", new Response("no", { status: 500 }), "fail result"],
  ["a Response with 304", new Response(null, { status: 304 }), "fail result"],
  ["ok: true beside status: fail", { ok: true, status: "fail" }, "pass"],
  ["ok: false beside status: pass", { ok: false, status: "pass" }, "fail result"],
  ["ok as text", { ok: "no" }, "pass"],
  ["ok as text beside status: fail", { ok: "yes", status: "fail" }, "fail result"],
  ["ok as a number", { ok: 0 }, "pass"],
  ...["pass", "up", "ok", "UP", " Pass\n"].map((status) => [`status ${status}`, { status }, "pass"] as const),
  ...["warn", "degraded", "WARN"].map((status) => [`status ${status}`, { status }, "warn result"] as const),
  ...["fail", "down", "error", "shutting_down", "DOWN", "Error"].map(
    (status) => [`status ${status}`, { status }, "fail result"] as const,
  ),
  ["a status that is no word of the list", { status: "rejected" }, "pass"],
  ["a status that every object has as a member", { status: "constructor" }, "pass"],
  ["status 503 alone", { status: 503 }, "pass"],
  ["an object without a prototype", Object.assign(Object.create(null), { status: "down" }), "fail result"],
  ["an inherited ok", Object.create({ ok: false }), "fail result"],
  ["an Error", new Error("returned"), "fail error"],
  ["ok that throws", throwing("ok"), "fail error"],
  ["status that throws", throwing("status"), "fail error"],
  ["message that throws", throwing("message"), "fail error"],
  ["a revoked Proxy", revokedProxy(), "fail error"],
  // biome-ignore lint/suspicious/noThenProperty: a thenable is what is tested
  ["a thenable", { then: (resolve: (value: unknown) => void) => resolve(false) }, "fail result"],
  ["a generator, which is not run", (function* () {})(), "pass"],
] as const)
  test(`a function that returns ${label}: ${expected}`, async () => {
    assert.equal(await verdict(openFunction(() => value)), expected);
    if (!isRevoked(value)) assert.equal(await verdict(openFunction(async () => value)), expected, "and resolved");
  });

function revokedProxy(): object {
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  return proxy;
}

function isRevoked(value: unknown): boolean {
  try {
    return typeof value === "object" && value !== null && Object.keys(value).length < 0;
  } catch {
    return true;
  }
}

test("the detail has the HTTP status, `detail` and `message` of the value, for the log", async () => {
  const detailOf = async (value: unknown) => (await probe(openFunction(() => value))).detail;
  assert.equal(await detailOf(new Response("secret", { status: 503 })), "ok is false; status 503");
  assert.equal(await detailOf({ status: "DOWN", detail: "no rows", message: "late" }), "status is down; no rows; late");
  assert.equal(await detailOf({ status: "fail", detail: { a: 1 }, message: 7 }), "status is fail");
  assert.equal((await detailOf({ ok: false, message: "x".repeat(10_000) }))?.length, 300);
});

for (const [label, thrown] of [
  ["undefined", undefined],
  ["null", null],
  ["a symbol", Symbol("s")],
  ["an object without a prototype", Object.create(null)],
  [
    "an object whose toString throws",
    {
      toString() {
        throw new Error("no");
      },
    },
  ],
  ["an Error whose message throws", Object.defineProperty(new Error(), "message", { get: () => fails() })],
  ["an Error whose message is no text", Object.assign(new Error(), { message: 7 })],
  ["a revoked Proxy", revokedProxy()],
] as const)
  test(`a function that throws ${label} fails, and is not counted as an error of healthbridge`, async () => {
    const prober = openFunction(() => {
      throw thrown;
    });
    assert.equal(await verdict(prober), "fail error");
  });

function fails(): never {
  throw new Error("no");
}

test("a function that throws or rejects fails with `error`, and its message is for the log", async () => {
  const thrown = openFunction(() => {
    throw new Error("no rows");
  });
  assert.deepEqual(await probe(thrown), { outcome: "fail", reason: "error", detail: "no rows" });
  assert.equal(await verdict(openFunction(() => Promise.reject("just text"))), "fail error");
});

test("a function gets the signal that is aborted at the deadline", async () => {
  const slow = openFunction(
    ({ signal }) =>
      new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason), { once: true })),
  );
  assert.equal(await verdict(slow, 20), "fail error");
});

test("a query on a stuck connection of a pool makes the check fail, and the next query brings it back", async () => {
  const clock = new VirtualClock();
  const health = new Health({ clock, random: () => 0.5 });
  let calls = 0;
  const query = () => {
    calls += 1;
    return calls === 1 ? new Promise(() => {}) : Promise.resolve({ rows: [] });
  };
  health.check("postgres", query, { interval: "10s", healthyThreshold: 1 });
  await clock.advance(5_000);
  assert.deepEqual([health.status("postgres"), calls], ["NOT_SERVING", 1]);
  await clock.advance(10_000);
  assert.equal(health.status("postgres"), "SERVING");
  await health.shutdown();
  assert.equal(clock.pendingTimers, 0);
});

test("of a function that never settles two calls are open at most, however long it is checked, and shutdown waits for none", async () => {
  const clock = new VirtualClock();
  const health = new Health({ clock, random: () => 0.5 });
  let calls = 0;
  const query = () => {
    calls += 1;
    return new Promise(() => {});
  };
  health.check("postgres", query, { interval: "1s" });
  await clock.advance(3_600_000);
  assert.deepEqual([health.status("postgres"), calls], ["NOT_SERVING", 2]);
  await health.shutdown();
});

for (const [label, library] of [
  ["connects for ever", { load: async () => () => new Promise<LibraryClient>(() => {}) }],
  ["never answers a ping", { load: async () => async () => ({ ping: () => new Promise(() => {}) }) }],
] as const)
  test(`a client library that ${label} and ignores its signal ends with \`cancel\``, async () => {
    const target = await Target.start(createServer((socket) => void socket.on("error", () => {}).resume()));
    const address = { host: "127.0.0.1", port: target.port, resolver: resolverFor(false) };
    const rest = { address, evaluate: () => undefined, goodbye: { request: Buffer.alloc(0) } };
    const prober = openLibraryProber({ ...library, ...rest }, systemDeps(), {});
    for (let round = 0; round < 3; round += 1) assert.equal(await verdict(prober, 10), "fail timeout");
    prober.close();
    await target.disconnected();
    await target.stop();
  });
