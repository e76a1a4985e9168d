import assert from "node:assert/strict";
import { test } from "node:test";
import { orderServices, type ServiceDeclaration, ServiceGraph } from "../../src/checks/service-graph.js";
import type { CheckReport, CheckState } from "../../src/registry/ports.js";

const STATES = { P: "passing", F: "failing", "?": "pending" } as const;

function reportsOf(
  states: Readonly<Record<string, string>>,
  services: Readonly<Record<string, readonly string[]>> = {},
): readonly CheckReport[] {
  return Object.entries(states).map(([name, letter]) => {
    const state: CheckState = STATES[letter as keyof typeof STATES];
    const nothing = { reason: state, held: false, latencyMs: undefined, lastResultAt: undefined, since: 0 };
    return { name, state, critical: true, counted: true, startup: true, services: services[name] ?? [], ...nothing };
  });
}

function graphOf(states: Readonly<Record<string, string>>, services: Readonly<Record<string, readonly string[]>> = {}) {
  const reports = new Map(reportsOf(states, services).map((report) => [report.name, report]));
  const graph = new ServiceGraph(reports);
  for (const report of reports.values()) graph.add(report);
  return graph;
}

/** Declares services, and evaluates them as the publisher does. */
function declare(graph: ServiceGraph, ...declarations: ServiceDeclaration[]): void {
  const ordered = orderServices(declarations);
  assert.ok("order" in ordered);
  graph.declare(ordered.order);
  for (const service of graph.inOrder(graph.names())) graph.evaluate(service);
}

const all = (name: string, ...members: string[]): ServiceDeclaration => ({ name, policy: { kind: "all" }, members });
const any = (name: string, ...members: string[]): ServiceDeclaration => ({ name, policy: { kind: "any" }, members });

test("the members of a service are checks, or services that are declared before or after it", () => {
  const graph = graphOf({ a: "P", b: "F", c: "P" });
  declare(graph, all("top", "pair", "c"), any("pair", "a", "b"), all("both", "a", "b"));
  assert.equal(graph.evaluate("pair")?.status, "SERVING");
  assert.equal(graph.evaluate("top")?.status, "SERVING");
  assert.deepEqual([graph.evaluate("top")?.degraded, graph.evaluate("both")?.status], [true, "NOT_SERVING"]);
});

test("a service that a check names can be a member too", () => {
  const graph = graphOf({ a: "P", b: "F" }, { a: ["s"], b: ["s"] });
  declare(graph, all("t", "s"));
  assert.equal(graph.evaluate("t")?.status, "NOT_SERVING");
  assert.ok(graph.affectedBy({ name: "a", services: ["s"] }).includes("t"));
});

test("a missing member is critical and has no result", () => {
  const graph = graphOf({ a: "P" });
  declare(graph, all("t", "a", "gone"), any("u", "a", "gone"));
  assert.deepEqual([graph.evaluate("t")?.status, graph.evaluate("u")?.status], ["UNKNOWN", "SERVING"]);
});

test("a service without members has no status", () => {
  const graph = graphOf({});
  assert.equal(graph.evaluate("x"), undefined);
  assert.equal(graph.evaluate(""), undefined);
  assert.ok(graph.isEmpty);
});

test("a check decides every service above it, through any number of levels", () => {
  const graph = graphOf({ a: "P" }, { a: ["s"] });
  declare(graph, all("x", "a"), all("y", "x"), all("z", "y"), all("w", "z"), all("other", "s"));
  const check = { name: "a", services: ["s"] };
  assert.deepEqual([...graph.affectedBy(check)].sort(), ["", "a", "other", "s", "w", "x", "y", "z"]);
  assert.deepEqual([...graph.namedServicesOf(check)].sort(), ["other", "s", "w", "x", "y", "z"]);
});

test("the server as a whole depends on everything that is not a member of another service", () => {
  const graph = graphOf({ a: "P", b: "F", c: "P" });
  assert.equal(graph.evaluate("")?.status, "NOT_SERVING", "every check");
  declare(graph, any("pair", "a", "b"));
  assert.equal(graph.evaluate("")?.status, "SERVING", "the pair speaks for both");
  declare(graph, any("pair", "a", "b"), all("top", "pair", "c"), all("bad", "b"));
  assert.equal(graph.evaluate("")?.status, "NOT_SERVING", "a top that is down");
});

test("a member of a declared service counts for the server as a whole through that service alone", () => {
  const graph = graphOf({ a: "F", b: "P", c: "F" }, { a: ["s"] });
  declare(graph, any("t", "s", "b"), all("u", "c"), any("top", "u", "b"));
  assert.deepEqual(
    ["a", "s", "t", "u", "top", ""].map((service) => graph.evaluate(service)?.status),
    ["NOT_SERVING", "NOT_SERVING", "SERVING", "NOT_SERVING", "SERVING", "SERVING"],
  );
});

test("if overall is declared, the server as a whole depends on its members only", () => {
  const graph = graphOf({ a: "P", b: "F" });
  declare(graph, all("", "a"));
  assert.deepEqual([graph.evaluate("")?.status, graph.isDeclared("")], ["SERVING", true]);
});

test("a service comes after its members, in whatever order they are declared", () => {
  const declarations = [all("z", "y", "x"), all("y", "x", "a"), any("x", "a"), all("other", "a")];
  for (const given of [declarations, declarations.toReversed()]) {
    const ordered = orderServices(given);
    const names = "order" in ordered ? ordered.order.map(({ name }) => name) : [];
    assert.deepEqual([...names].sort(), ["other", "x", "y", "z"]);
    assert.deepEqual(
      names.filter((name) => name !== "other"),
      ["x", "y", "z"],
    );
  }
});

test("a change of a check reaches every service after all its members, however long the way to each is", () => {
  for (const states of ["FP", "PF"]) {
    const reports = new Map<string, CheckReport>();
    const graph = new ServiceGraph(reports);
    const set = (letter: string) => {
      const [report] = reportsOf({ a: letter });
      reports.set("a", report ?? assert.fail());
    };
    set(states[0] ?? "");
    graph.add({ name: "a", services: [] });
    const two: ServiceDeclaration = { name: "top", policy: { kind: "quorum", count: 2 }, members: ["a", "far", "x"] };
    declare(graph, two, all("far", "near"), all("near", "a"));
    const affected = graph.affectedBy({ name: "a", services: [] });
    assert.deepEqual(affected, ["a", "near", "far", "top", ""]);
    set(states[1] ?? "");
    for (const service of affected) graph.evaluate(service);
    assert.equal(graph.evaluate("top")?.status, states[1] === "P" ? "SERVING" : "UNKNOWN", "the member x is missing");
  }
});

test("services that form a cycle have no order, and the cycle is named", () => {
  for (const [declarations, cycle] of [
    [[all("x", "x")], "x -> x"],
    [[all("x", "a", "y"), all("y", "z"), all("z", "a", "x")], "x -> y -> z -> x"],
    [[all("p", "x"), all("x", "y"), all("y", "x")], "x -> y -> x"],
  ] as const) {
    const ordered = orderServices(declarations);
    assert.equal("cycle" in ordered && ordered.cycle.join(" -> "), cycle);
  }
});

test("services that share their members forty levels deep are ordered and evaluated at once", () => {
  const graph = graphOf({ a: "P" });
  const levels = Array.from({ length: 40 }, (_, level) => {
    const below = level === 0 ? ["a"] : [`l${level - 1}`, `r${level - 1}`];
    return [all(`l${level}`, ...below), all(`r${level}`, ...below)];
  });
  const startedAt = performance.now();
  declare(graph, ...levels.flat().toReversed());
  assert.equal(graph.affectedBy({ name: "a", services: [] }).length, 2 + 80);
  assert.equal(graph.evaluate("l39")?.status, "SERVING");
  assert.ok(performance.now() - startedAt < 1_000);
});

test("a chain of 20,000 services is ordered and evaluated, and its cycle is found", () => {
  const graph = graphOf({ a: "P" });
  const chain = Array.from({ length: 20_000 }, (_, index) => all(`s${index}`, index === 0 ? "a" : `s${index - 1}`));
  declare(graph, ...chain.toReversed());
  for (const service of graph.affectedBy({ name: "a", services: [] })) graph.evaluate(service);
  assert.equal(graph.evaluate("s19999")?.status, "SERVING");
  const ordered = orderServices([...chain.slice(1), all("s0", "s19999")]);
  assert.equal("cycle" in ordered && ordered.cycle.length, 20_001);
});

test("a drained service counts for the whole as soon as the settings of a check name it", () => {
  const graph = graphOf({ a: "P" });
  graph.setDrained("s", true);
  assert.equal(graph.evaluate("")?.status, "SERVING");
  graph.addMaker("s", "b");
  assert.equal(graph.evaluate("")?.reason, "drained");
});
