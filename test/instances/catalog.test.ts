/** What the readers of discovery are told of the instances of services, and when. */
import assert from "node:assert/strict";
import { beforeEach, describe, test } from "node:test";
import { publish } from "../../src/core/channels.js";
import { InstanceCatalog } from "../../src/instances/catalog.js";
import type { InstanceFacts, InstanceTable } from "../../src/instances/instance.js";
import type { CheckState } from "../../src/registry/ports.js";
import { Registry } from "../../src/registry/registry.js";
import { VirtualClock } from "../support/virtual-clock.js";

const facts = (check: string, services = ["orders"], more: Partial<InstanceFacts> = {}): InstanceFacts => ({
  check,
  services,
  host: "192.0.2.1",
  port: 50051,
  tags: [],
  meta: {},
  weight: 1,
  ...more,
});

const tableOf = (instances: readonly InstanceFacts[], awaited: readonly string[] = []): InstanceTable => ({
  instances,
  services: [...new Set(["orders", ...instances.flatMap(({ services }) => services)])],
  awaited: new Set(awaited),
});

describe("the catalog of instances", () => {
  let clock: VirtualClock;
  let registry: Registry;
  let catalog: InstanceCatalog;

  beforeEach(() => {
    clock = new VirtualClock();
    registry = new Registry({ clock, instance: "catalog-test" });
    catalog = new InstanceCatalog({ reader: registry, clock });
  });

  const report = (name: string, state: CheckState) => {
    const results = {
      reason: undefined,
      held: false,
      latencyMs: 1,
      lastResultAt: clock.wallTime(),
      since: clock.wallTime(),
    };
    registry.report({ name, state, critical: true, counted: true, startup: true, services: [], ...results });
  };
  const pending = (name: string) => {
    const results = { reason: "pending", held: false, latencyMs: undefined, lastResultAt: undefined, since: 0 };
    registry.report({ name, state: "pending", critical: true, counted: true, startup: true, services: [], ...results });
  };
  const statesOf = (service: string) =>
    catalog.service(service)?.instances.map(({ check, state }) => `${check} ${state}`);
  const isKnown = (service = "orders") => catalog.service(service)?.known;

  test("a service is known when each of its instances had a result", async () => {
    pending("a");
    pending("b");
    catalog.set(tableOf([facts("b"), facts("a")]));
    assert.equal(isKnown(), false);
    report("a", "passing");
    await clock.advance(20);
    assert.equal(isKnown(), false, "b has none");
    report("b", "failing");
    await clock.advance(20);
    assert.equal(isKnown(), true);
    assert.deepEqual(statesOf("orders"), ["a healthy", "b unhealthy"], "sorted by name");
  });

  test("an instance that comes later does not make its service unknown", async () => {
    report("a", "passing");
    catalog.set(tableOf([facts("a")]));
    assert.equal(isKnown(), true);
    pending("b");
    catalog.set(tableOf([facts("a"), facts("b")]));
    assert.equal(isKnown(), true);
    assert.deepEqual(statesOf("orders"), ["a healthy", "b unknown"]);
  });

  for (const [what, kept] of [
    ["all instances are", []],
    ["the healthy instances are", ["failing"]],
    ["the degraded instances are", ["failing"]],
  ] as const)
    test(`while ${what} replaced, a service is not known until each of the others had a result`, async () => {
      report("old", what.includes("degraded") ? "warning" : "passing");
      for (const name of kept) report(name, "failing");
      catalog.set(tableOf([facts("old"), ...kept.map((name) => facts(name))]));
      registry.forget("old");
      for (const name of ["new-a", "new-b"]) pending(name);
      const next = tableOf([...kept, "new-a", "new-b"].map((name) => facts(name)));
      catalog.set(next);
      report("new-a", "failing");
      await clock.advance(20);
      assert.equal(isKnown(), false, "new-b may be healthy");
      report("new-b", "passing");
      await clock.advance(20);
      assert.equal(isKnown(), true);
    });

  test("a service that was down stays known while its instances are replaced", async () => {
    report("old", "failing");
    catalog.set(tableOf([facts("old")]));
    pending("new");
    catalog.set(tableOf([facts("old"), facts("new")]));
    assert.equal(isKnown(), true);
    assert.deepEqual(statesOf("orders"), ["new unknown", "old unhealthy"]);
  });

  test("each change reaches its instance in each of its services, and the others stay the same objects", async () => {
    const names = ["i10", "i2", "i9", "i1", "i3"];
    for (const name of names) report(name, "passing");
    catalog.set(tableOf(names.map((name) => facts(name, name === "i2" ? ["orders", "twos"] : ["orders"]))));
    const before = catalog.service("orders");
    for (const name of ["i2", "i9", "i1"]) report(name, "failing");
    await clock.advance(20);
    const after = catalog.service("orders");
    const expected = ["i1 unhealthy", "i10 healthy", "i2 unhealthy", "i3 healthy", "i9 unhealthy"];
    assert.deepEqual(statesOf("orders"), expected);
    assert.deepEqual(statesOf("twos"), ["i2 unhealthy"]);
    assert.equal(after?.facts, before?.facts, "the facts are the same list");
    for (const at of [1, 3]) assert.equal(after?.instances[at], before?.instances[at]);
    catalog.set(tableOf([facts("i1"), facts("i3", ["orders"], { host: "192.0.2.7" })]));
    report("i3", "warning");
    await clock.advance(20);
    assert.deepEqual(statesOf("orders"), ["i1 unhealthy", "i3 degraded"]);
    assert.deepEqual(
      catalog.service("orders")?.facts.map(({ host }) => host),
      ["192.0.2.1", "192.0.2.7"],
    );
  });

  test("a service is not known while no instance has a state, and known again with the first", async () => {
    report("a", "passing");
    catalog.set(tableOf([facts("a")]));
    pending("a");
    await clock.advance(20);
    assert.equal(isKnown(), false);
    report("a", "failing");
    await clock.advance(20);
    assert.equal(isKnown(), true);
    assert.deepEqual(statesOf("orders"), ["a unhealthy"]);
  });

  test("a service whose source has not answered is not known; an empty one is", () => {
    catalog.set(tableOf([], ["orders"]));
    assert.equal(isKnown(), false);
    catalog.set(tableOf([]));
    assert.equal(isKnown(), true);
    assert.deepEqual(statesOf("orders"), []);
  });

  test("nothing is known while the isolation rule holds states, and the end is told", () => {
    report("a", "passing");
    catalog.set(tableOf([facts("a")]));
    const told: string[] = [];
    catalog.watch("orders", () => told.push(String(isKnown())));
    publish("isolation", { instance: "another", held: 3 });
    publish("isolation", { instance: "catalog-test", held: 3 });
    assert.equal(isKnown(), false);
    assert.equal(catalog.known, false);
    publish("isolation", { instance: "catalog-test", held: 0 });
    assert.deepEqual(told, ["false", "true"]);
  });

  test("changes within 20 ms are one change with one index, and others keep theirs", async () => {
    for (const name of ["a", "b", "c"]) report(name, "passing");
    catalog.set(tableOf([facts("a"), facts("b"), facts("c", ["payments"])]));
    const before = catalog.index;
    const changes: string[][] = [];
    catalog.watchAll((changed) => changes.push([...changed]));
    report("a", "failing");
    await clock.advance(5);
    report("b", "warning");
    await clock.advance(20);
    assert.deepEqual(changes, [["orders"]]);
    assert.deepEqual(statesOf("orders"), ["a unhealthy", "b degraded"]);
    assert.equal(catalog.index, before + 1);
    assert.equal(catalog.service("orders")?.index, before + 1);
    assert.equal(catalog.service("payments")?.index, before);
  });

  test("a change that is taken back in time is told to no reader", async () => {
    report("a", "passing");
    catalog.set(tableOf([facts("a")]));
    const before = catalog.service("orders");
    report("a", "failing");
    report("a", "passing");
    await clock.advance(50);
    assert.equal(catalog.service("orders"), before);
  });

  test("the same table again changes nothing; other tags, weights and ports do", () => {
    report("a", "passing");
    catalog.set(tableOf([facts("a")]));
    const { index } = catalog;
    catalog.set(tableOf([facts("a")]));
    assert.equal(catalog.index, index);
    const others: Partial<InstanceFacts>[] = [
      { tags: ["x"] },
      { weight: 2 },
      { port: 1 },
      { meta: { a: "b" } },
      { address: "192.0.2.9" },
    ];
    for (const [at, more] of others.entries()) {
      catalog.set(tableOf([facts("a", ["orders"], more)]));
      assert.equal(catalog.index, index + at + 1, JSON.stringify(more));
    }
  });

  test("a service that goes is told to its watchers, and the set of names has another index", () => {
    report("a", "passing");
    catalog.set(tableOf([facts("a", ["a", "orders"])]));
    const names = catalog.namesIndex;
    let told = 0;
    catalog.watch("a", () => {
      told += 1;
    });
    catalog.set(tableOf([facts("a")]));
    assert.equal(told, 1);
    assert.equal(catalog.service("a"), undefined);
    assert.ok(catalog.namesIndex > names);
    assert.deepEqual(
      [...catalog.services()].map(({ name }) => name),
      ["orders"],
    );
  });

  test("an operator's drain of an instance or of a service is shown with its state", async () => {
    report("a", "failing");
    report("b", "passing");
    catalog.set(tableOf([facts("a", ["a", "orders"]), facts("b")]));
    const drained = (service: string) => catalog.service(service)?.instances.map((each) => each.drained);
    registry.setDrained(new Set(["a"]));
    catalog.refresh();
    assert.deepEqual(drained("orders"), [true, false]);
    registry.setDrained(new Set(["orders"]));
    catalog.refresh();
    assert.deepEqual([drained("orders"), drained("a")], [[true, true], [false]]);
  });

  test("a shutdown of healthbridge is no state of an instance", async () => {
    report("a", "passing");
    catalog.set(tableOf([facts("a")]));
    registry.drain();
    await clock.advance(50);
    assert.deepEqual(statesOf("orders"), ["a healthy"]);
  });

  test("an unsubscribed watcher is told nothing, and the end of a catalog tells nothing", async () => {
    report("a", "passing");
    catalog.set(tableOf([facts("a")]));
    let told = 0;
    const unwatch = catalog.watch("orders", () => {
      told += 1;
    });
    unwatch();
    catalog.watch("orders", () => {
      told += 100;
    });
    report("a", "failing");
    catalog.close();
    await clock.advance(50);
    assert.equal(told, 0);
  });
});
