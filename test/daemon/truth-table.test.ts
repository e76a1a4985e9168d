/**
 * The truth table of (critical, state, policy) over gRPC and HTTP: what a client sees of a check, of the services that
 * include it, of the server as a whole and of the views. `UPDATE_DOCS=1` writes the table into docs/checks.md.
 */
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { after, before, describe, test } from "node:test";
import type { CheckDeclaration, CheckSource } from "../../src/checks/declarations.js";
import type { ServiceDeclaration } from "../../src/checks/service-graph.js";
import { Health } from "../../src/daemon/health.js";
import type { ProbeResult, Prober } from "../../src/probers/prober.js";
import { GrpcPeer } from "../support/grpc-peer.js";
import { type Cell, type CheckCase, COLUMNS, cellsOf, ROWS, truthTable } from "../support/truth-table.js";
import { VirtualClock } from "../support/virtual-clock.js";

const DOCS = new URL("../../docs/checks.md", import.meta.url);
const SECTION = /(?<=<!-- table: truth -->\n)(?:\|.*\n)+/;

test("docs/checks.md has the truth table", () => {
  const docs = readFileSync(DOCS, "utf8");
  if (process.env.UPDATE_DOCS !== undefined) writeFileSync(DOCS, docs.replace(SECTION, truthTable()));
  else assert.equal(SECTION.exec(docs)?.[0], truthTable());
});

const PASS: ProbeResult = { outcome: "pass" };
const WARN: ProbeResult = { outcome: "warn", reason: "slow", detail: "" };
const FAIL: ProbeResult = { outcome: "fail", reason: "refused", detail: "" };

/** A new target, which gives every probe this result; without one, no probe ends. */
function target(result?: ProbeResult): CheckSource {
  const prober: Prober = {
    probe: () => (result === undefined ? new Promise<ProbeResult>(() => {}) : Promise.resolve(result)),
    close: () => {},
  };
  return { kind: "prober", prober };
}

/** The sources of `c`, one for each configuration, and its initial state. */
function caseOf(state: CheckCase): {
  readonly sources: readonly CheckSource[];
  readonly initialState?: "passing" | "failing";
} {
  switch (state) {
    case "pending":
      return { sources: [target()] };
    case "passing":
      return { sources: [target(PASS)] };
    case "warning":
      return { sources: [target(WARN)] };
    case "failing":
      return { sources: [target(FAIL)] };
    case "initial passing":
      return { sources: [target()], initialState: "passing" };
    case "initial failing":
      return { sources: [target()], initialState: "failing" };
    case "changed passing":
      return { sources: [target(PASS), target()] };
    case "changed failing":
      return { sources: [target(FAIL), target()] };
    case "unreported heartbeat":
      return { sources: [{ kind: "heartbeat", ttl: "26h", token: "t" }] };
    default:
      return state satisfies never;
  }
}

const MEMBERS = ["c", "d"];
const SERVICES: readonly ServiceDeclaration[] = [
  { name: "alone", policy: { kind: "all" }, members: ["c"] },
  { name: "all", policy: { kind: "all" }, members: MEMBERS },
  { name: "any", policy: { kind: "any" }, members: MEMBERS },
  { name: "quorum", policy: { kind: "quorum", count: 2 }, members: MEMBERS },
  { name: "", policy: { kind: "all" }, members: MEMBERS },
];

/** A health whose check is in a state. Its time stands still, so no state ends. */
async function healthWith(critical: boolean, state: CheckCase): Promise<Health> {
  const clock = new VirtualClock();
  const health = new Health({ clock, random: () => 0.5 });
  const { sources, initialState } = caseOf(state);
  for (const source of sources) {
    const c: CheckDeclaration = { name: "c", source, options: { critical, initialState } };
    const d: CheckDeclaration = { name: "d", source: { kind: "function", call: () => true }, options: {} };
    health.configure({ checks: [c, d], services: SERVICES, isolation: undefined, allowLinkLocal: false });
    await clock.advance(0);
  }
  return health;
}

const GRPC_STATUS: Readonly<Record<Cell, number>> = { U: 0, S: 1, D: 1, N: 2 };
const HTTP_STATUS: Readonly<Record<Cell, number>> = { U: 503, S: 200, D: 200, N: 503 };
const HTTP_BODY: Readonly<Record<Cell, string>> = { U: "UNKNOWN", S: "OK", D: "OK", N: "NOT_SERVING" };

/** What a client sees of one name, over every way to ask. */
async function assertCell(port: number, peer: GrpcPeer, name: string, cell: Cell): Promise<void> {
  const { status, end } = await peer.check(name);
  assert.equal(status, GRPC_STATUS[cell], `Check ${name}`);
  assert.equal(end.headers["x-envoy-degraded"] ?? end.trailers["x-envoy-degraded"], cell === "D" ? "true" : undefined);
  const watch = peer.watch(name);
  await watch.saw(GRPC_STATUS[cell]);
  watch.cancel();
  const isView = ["readiness", "liveness", "startup"].includes(name);
  if (!isView) assert.equal((await peer.list()).statuses.get(name), GRPC_STATUS[cell], `List ${name}`);
  for (const path of pathsOf(name)) {
    const response = await fetch(`http://127.0.0.1:${port}${path}`);
    assert.deepEqual([response.status, await response.text()], [HTTP_STATUS[cell], HTTP_BODY[cell]], path);
    if (name !== "liveness") assert.equal(response.headers.get("x-envoy-degraded"), cell === "D" ? "true" : null, path);
    const json = await fetch(`http://127.0.0.1:${port}${path}`, { headers: { accept: "application/json" } });
    await json.arrayBuffer();
    assert.equal(json.status, HTTP_STATUS[cell], `${path} as JSON`);
  }
}

function pathsOf(name: string): readonly string[] {
  const service = [`/healthcheck/${name}`, `/healthcheck?service=${name}`];
  switch (name) {
    case "":
      return ["/healthcheck", "/readyz", "/healthz"];
    case "readiness":
      return [...service, "/readyz"];
    case "liveness":
      return [...service, "/livez"];
    case "startup":
      return [...service, "/startupz"];
    default:
      return service;
  }
}

describe("the truth table holds over gRPC and HTTP", () => {
  for (const row of ROWS) {
    const [critical, state] = row;
    describe(`for a check that is ${state} and ${critical ? "critical" : "not critical"}`, () => {
      let health: Health;
      let peer: GrpcPeer;
      let port = 0;
      before(async () => {
        health = await healthWith(critical, state);
        const server = await health.listen(["127.0.0.1:0"]);
        port = Number(Object(server.addresses[0]).port);
        peer = new GrpcPeer(port);
      });
      after(async () => {
        peer.close();
        await health.shutdown({ drainDelayMs: 0, closeTimeoutMs: 100 });
      });
      test("each name", async () => {
        for (const [index, cell] of cellsOf(row).entries()) await assertCell(port, peer, COLUMNS[index] ?? "", cell);
      });
      test("the check alone at /readyz", async () => {
        const own = cellsOf(row)[0] ?? "U";
        const response = await fetch(`http://127.0.0.1:${port}/readyz/c`);
        assert.deepEqual([response.status, await response.text()], [HTTP_STATUS[own], HTTP_BODY[own]]);
      });
      test("the reason of a state without a result, in every detailed answer", async () => {
        const [reason] = state.split(" ");
        if (reason !== "initial" && reason !== "changed") return;
        const url = `http://127.0.0.1:${port}`;
        const lines = await (await fetch(`${url}/readyz?verbose`)).text();
        assert.match(lines, new RegExp(`^\\[[+-]\\]c .*\\b${reason}\\b`, "m"));
        for (const path of ["/healthcheck", "/healthcheck/c", "/readyz"]) {
          const json = await (await fetch(`${url}${path}`, { headers: { accept: "application/health+json" } })).json();
          assert.equal(Object(json).checks["c:responseTime"][0].output, reason, path);
        }
      });
    });
  }
});
