import assert from "node:assert/strict";
import { test } from "node:test";
import { type ServiceDeclaration, ServiceGraph } from "../../src/checks/service-graph.js";
import { HealthError } from "../../src/core/health-error.js";
import type { CheckReport, CheckState } from "../../src/registry/ports.js";

const STATES = { P: "passing", F: "failing", "?": "pending" } as const;

function graphOf(states: Readonly<Record<string, string>>, services: Readonly<Record<string, readonly string[]>> = {}) {
  const reports = new Map<string, CheckReport>();
  for (const [name, letter] of Object.entries(states)) {
    const state: CheckState = STATES[letter as keyof typeof STATES];
    const nothing = { reason: state, held: false, latencyMs: undefined, lastResultAt: undefined, since: 0 };
    reports.set(name, { name, state, critical: true, services: services[name] ?? [], ...nothing });
  }
  const graph = new ServiceGraph(reports);
  for (const report of reports.values()) graph.place(report);
  return graph;
}

const all = (name: string, ...members: string[]): ServiceDeclaration => ({ name, policy: { kind: "all" }, members });
const any = (name: string, ...members: string[]): ServiceDeclaration => ({ name, policy: { kind: "any" }, members });

test("the members of a service are checks, or services that are declared before or after it", () => {
  const graph = graphOf({ a: "P", b: "F", c: "P" });
  graph.declare([all("top", "pair", "c"), any("pair", "a", "b"), all("both", "a", "b")]);
  assert.equal(graph.rollup("pair")?.status, "SERVING");
  assert.equal(graph.rollup("top")?.status, "SERVING");
  assert.deepEqual([graph.rollup("top")?.degraded, graph.rollup("both")?.status], [true, "NOT_SERVING"]);
});

test("a service that a check names can be a member too", () => {
  const graph = graphOf({ a: "P", b: "F" }, { a: ["s"], b: ["s"] });
  graph.declare([all("t", "s")]);
  assert.equal(graph.rollup("t")?.status, "NOT_SERVING");
  assert.ok(graph.servicesOf({ name: "a", services: ["s"] }).has("t"));
});

test("a missing member is critical and has no result", () => {
  const graph = graphOf({ a: "P" });
  graph.declare([all("t", "a", "gone"), any("u", "a", "gone")]);
  assert.deepEqual([graph.rollup("t")?.status, graph.rollup("u")?.status], ["UNKNOWN", "SERVING"]);
});

test("a service without members has no status", () => {
  const graph = graphOf({});
  assert.equal(graph.rollup("x"), undefined);
  assert.equal(graph.rollup(""), undefined);
  assert.ok(graph.isEmpty);
});

test("a check decides every service above it, through any number of levels", () => {
  const graph = graphOf({ a: "P" }, { a: ["s"] });
  graph.declare([all("x", "a"), all("y", "x"), all("z", "y"), all("w", "z"), all("other", "s")]);
  const check = { name: "a", services: ["s"] };
  assert.deepEqual([...graph.servicesOf(check)].sort(), ["", "a", "other", "s", "w", "x", "y", "z"]);
  assert.deepEqual([...graph.namedServicesOf(check)].sort(), ["other", "s", "w", "x", "y", "z"]);
});

test("the server as a whole depends on everything that is not a member of another service", () => {
  const graph = graphOf({ a: "P", b: "F", c: "P" });
  assert.equal(graph.rollup("")?.status, "NOT_SERVING", "every check");
  graph.declare([any("pair", "a", "b")]);
  assert.equal(graph.rollup("")?.status, "SERVING", "the pair speaks for both");
  graph.declare([any("pair", "a", "b"), all("top", "pair", "c"), all("bad", "b")]);
  assert.equal(graph.rollup("")?.status, "NOT_SERVING", "a top that is down");
});

test("if overall is declared, the server as a whole depends on its members only", () => {
  const graph = graphOf({ a: "P", b: "F" });
  graph.declare([all("", "a")]);
  assert.deepEqual([graph.rollup("")?.status, graph.has("")], ["SERVING", true]);
});

test("a cycle of services is refused with its path, and nothing changes", () => {
  const graph = graphOf({ a: "P" });
  graph.declare([all("good", "a")]);
  for (const [declarations, way] of [
    [[all("x", "x")], "x -> x"],
    [[all("x", "a", "y"), all("y", "z"), all("z", "a", "x")], "x -> y -> z -> x"],
    [[all("p", "x"), all("x", "y"), all("y", "x")], "x -> y -> x"],
  ] as const) {
    assert.throws(
      () => graph.declare(declarations),
      (error) => error instanceof HealthError && error.code === "INVALID_OPTION" && error.message.endsWith(`: ${way}`),
    );
  }
  assert.deepEqual(graph.names(), ["good"]);
});

test("services that share members through many levels are no cycle", () => {
  const graph = graphOf({ a: "P" });
  const levels = Array.from({ length: 18 }, (_, level) => {
    const below = level === 0 ? ["a"] : [`l${level - 1}`, `r${level - 1}`];
    return [all(`l${level}`, ...below), all(`r${level}`, ...below)];
  });
  graph.declare(levels.flat());
  assert.equal(graph.servicesOf({ name: "a", services: [] }).size, 2 + 36);
});
