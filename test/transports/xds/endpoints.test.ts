/**
 * What clients are told of instances: states, addresses, and nothing while healthbridge does not know.
 *
 * In brackets: Envoy's cases of health_status (EDS, test/common/upstream/eds_test.cc), which read what is sent here.
 */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { publish } from "../../../src/core/channels.js";
import type { InstanceFacts } from "../../../src/instances/instance.js";
import type { CheckState } from "../../../src/registry/ports.js";
import { type Message, TYPES } from "../../support/xds-messages.js";
import { endpointsIn, instanceOf, World } from "./xds-fixture.js";

const GRPC_AGENTS = ["gRPC Go", "gRPC C-core linux", "gRPC Java", "gRPC Node Pure JS"];
const OTHER_AGENTS = ["envoy", "", "grpc-ish", "my gRPC proxy"];

/** The states of three instances, as EDS has them for a user agent. */
async function statusesFor(world: World, userAgent: string): Promise<readonly string[]> {
  const node = { id: "n", user_agent_name: userAgent };
  const response = await world.open().get("eds", ["orders"], { node });
  return endpointsIn(response.resources[0]).map((line) => line.split(" ")[1] ?? "");
}

describe("the state of an instance", () => {
  const cases: readonly [CheckState, boolean, string, string][] = [
    ["passing", false, "HEALTHY", "HEALTHY"],
    ["warning", false, "DEGRADED", "HEALTHY"],
    ["failing", false, "UNHEALTHY", "UNHEALTHY"],
    ["pending", false, "TIMEOUT", "TIMEOUT"],
    ["passing", true, "DRAINING", "DRAINING"],
    ["warning", true, "DRAINING", "DRAINING"],
    ["failing", true, "DRAINING", "DRAINING"],
    ["pending", true, "DRAINING", "DRAINING"],
  ];
  for (const [state, isDrained, envoy, grpc] of cases)
    test(`${state}${isDrained ? " and drained" : ""} is ${envoy} for Envoy and ${grpc} for gRPC [XD14]`, async (t) => {
      const world = new World(t);
      world.report("a", state);
      world.report("b", "passing");
      world.configure([instanceOf("a"), instanceOf("b", { host: "192.0.2.2" })]);
      if (isDrained) world.registry.setDrained(new Set(["a"]));
      world.catalog.refresh();
      for (const agent of OTHER_AGENTS) assert.deepEqual(await statusesFor(world, agent), [envoy, "HEALTHY"], agent);
      for (const agent of GRPC_AGENTS) assert.deepEqual(await statusesFor(world, agent), [grpc, "HEALTHY"], agent);
    });

  test("is told when it changes, and back, and for all of them [XD15]", async (t) => {
    const world = new World(t);
    world.configure([instanceOf("a"), instanceOf("b", { host: "192.0.2.2" })]);
    const stream = world.open();
    await stream.get("eds", ["orders"]);
    const told: string[] = [];
    for (const [check, state] of [
      ["a", "failing"],
      ["b", "failing"],
      ["a", "passing"],
    ] as const) {
      await world.turn(check, state);
      told.push(endpointsIn((await stream.next()).resources[0]).join());
    }
    assert.deepEqual(told, [
      "192.0.2.1:50051 UNHEALTHY,192.0.2.2:50051 HEALTHY",
      "192.0.2.1:50051 UNHEALTHY,192.0.2.2:50051 UNHEALTHY",
      "192.0.2.1:50051 HEALTHY,192.0.2.2:50051 UNHEALTHY",
    ]);
  });

  test("a change between healthy and degraded is sent to Envoy, and not to gRPC", async (t) => {
    const world = new World(t);
    world.configure([instanceOf("a")]);
    const [envoy, grpc] = [world.open(), world.open()];
    await envoy.get("eds", ["orders"]);
    await grpc.get("eds", ["orders"], { node: { user_agent_name: "gRPC Go" } });
    await world.turn("a", "warning");
    assert.deepEqual(endpointsIn((await envoy.next()).resources[0]), ["192.0.2.1:50051 DEGRADED"]);
    await grpc.isQuiet();
  });
});

describe("an assignment", () => {
  async function assignmentOf(world: World, instances: readonly InstanceFacts[]) {
    world.configure(instances, ["orders"]);
    const { resources } = await world.open().get("eds", ["orders"]);
    return resources[0];
  }

  test("has one locality with a weight, which gRPC needs, and the weights of the instances", async (t) => {
    const assignment = await assignmentOf(new World(t), [instanceOf("a", { weight: 7 })]);
    assert.equal(assignment.cluster_name, "orders");
    assert.equal(assignment.endpoints.length, 1);
    const [{ locality, load_balancing_weight, priority, lb_endpoints }] = assignment.endpoints;
    assert.ok(locality, "the locality is there");
    assert.equal(load_balancing_weight.value, 1);
    assert.equal(priority ?? 0, 0);
    assert.equal(lb_endpoints[0].load_balancing_weight.value, 7);
  });

  for (const [host, port, weight] of [
    ["1.2.3.4", 1, 1],
    ["255.255.255.255", 127, 128],
    ["2001:db8::1", 128, 127],
    ["ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", 16_384, 16_383],
    ["ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255", 65_535, 65_535],
  ] as const)
    test(`has ${host}, port ${port} and weight ${weight} between its neighbours`, async (t) => {
      const world = new World(t);
      const neighbours = [instanceOf("a"), instanceOf("c", { host: "192.0.2.3" })] as const;
      const assignment = await assignmentOf(world, [...neighbours, instanceOf("b", { host, port, weight })]);
      assert.deepEqual(endpointsIn(assignment), [
        "192.0.2.1:50051 HEALTHY",
        `${host}:${port} HEALTHY`,
        "192.0.2.3:50051 HEALTHY",
      ]);
      const weights = assignment.endpoints[0].lb_endpoints.map((each: Message) => each.load_balancing_weight.value);
      assert.deepEqual(weights, [1, weight, 1]);
    });

  test("follows states, weights and addresses that change in turn", async (t) => {
    const world = new World(t);
    world.configure([instanceOf("a"), instanceOf("b", { host: "192.0.2.2" })]);
    const stream = world.open();
    await stream.get("eds", ["orders"]);
    const told = async () => endpointsIn((await stream.next()).resources[0]).join();
    await world.turn("b", "failing");
    assert.equal(await told(), "192.0.2.1:50051 HEALTHY,192.0.2.2:50051 UNHEALTHY");
    world.configure([instanceOf("a", { host: "192.0.2.9" }), instanceOf("b", { host: "192.0.2.2" })]);
    assert.equal(await told(), "192.0.2.9:50051 HEALTHY,192.0.2.2:50051 UNHEALTHY");
    await world.turn("a", "warning");
    assert.equal(await told(), "192.0.2.9:50051 DEGRADED,192.0.2.2:50051 UNHEALTHY");
    world.configure([instanceOf("b", { host: "192.0.2.2" })]);
    assert.equal(await told(), "192.0.2.2:50051 UNHEALTHY");
    await world.turn("b", "passing");
    assert.equal(await told(), "192.0.2.2:50051 HEALTHY");
  });

  test("has IP addresses only: others are left out and counted", async (t) => {
    const world = new World(t);
    const assignment = await assignmentOf(world, [
      instanceOf("a", { host: "orders.example" }),
      instanceOf("b", { host: "orders.example", address: "192.0.2.9" }),
      instanceOf("c", { host: "2001:db8::1", port: 443 }),
      instanceOf("d", { host: "fe80::1%eth0" }),
      instanceOf("e", { host: "300.1.1.1" }),
    ]);
    assert.deepEqual(endpointsIn(assignment), ["192.0.2.9:50051 HEALTHY", "2001:db8::1:443 HEALTHY"]);
    assert.equal(world.service.unaddressed, 3);
  });

  for (const [states, expected] of [
    [["passing", "failing"], "UNHEALTHY"],
    [["warning", "passing"], "DEGRADED"],
    [["pending", "passing"], "TIMEOUT"],
    [["failing", "pending"], "UNHEALTHY"],
  ] as const)
    test(`has an address once, with the worst state of ${states.join(" and ")}: gRPC refuses duplicates`, async (t) => {
      const world = new World(t);
      world.report("other", "passing");
      states.forEach((state, index) => void world.report(`same-${index}`, state));
      const same = states.map((_, index) => instanceOf(`same-${index}`, { host: "192.0.2.7" }));
      const assignment = await assignmentOf(world, [instanceOf("other"), ...same]);
      assert.deepEqual(endpointsIn(assignment), ["192.0.2.1:50051 HEALTHY", `192.0.2.7:50051 ${expected}`]);
    });

  test("of a service that is configured without instances is empty", async (t) => {
    const assignment = await assignmentOf(new World(t), []);
    assert.equal(assignment.cluster_name, "orders");
    assert.deepEqual(endpointsIn(assignment), []);
  });

  test("of a service that leaves the configuration is sent empty, once", async (t) => {
    for (const names of [["orders"], ["*"]]) {
      const world = new World(t);
      world.configure([instanceOf("a")]);
      const stream = world.open();
      await stream.get("eds", names);
      world.configure([]);
      const { resources } = await stream.next();
      assert.equal(resources[0].cluster_name, "orders");
      assert.deepEqual(endpointsIn(resources[0]), []);
      world.configure([instanceOf("p", { services: ["payments"] })], names);
      world.configure([instanceOf("a")]);
      assert.ok(endpointsIn((await lastOf(stream)).resources[0]).includes("192.0.2.1:50051 HEALTHY"), "it is back");
    }
  });

  async function lastOf(stream: ReturnType<World["open"]>) {
    await stream.next();
    await new Promise((resolve) => setTimeout(resolve, 20));
    const last = stream.responses.at(-1);
    assert.ok(last);
    return last;
  }

  test("of 10,000 instances is one resource", async (t) => {
    const world = new World(t);
    const instances = Array.from({ length: 10_000 }, (_, index) =>
      instanceOf(`i${index}`, { host: `10.0.${index >> 8}.${index & 255}` }),
    );
    const assignment = await assignmentOf(world, instances);
    assert.equal(new Set(endpointsIn(assignment)).size, 10_000);
  });
});

describe("while healthbridge does not know enough", () => {
  const isolate = (held: number) => publish("isolation", { instance: "xds-test", held });

  test("no assignment is sent, and clusters and listeners are: they are configured", async (t) => {
    const world = new World(t);
    world.report("a", "pending");
    world.configure([instanceOf("a")]);
    const stream = world.open();
    for (const type of ["cds", "lds", "rds"] as const)
      assert.equal((await stream.get(type, ["orders"])).resources.length, 1);
    stream.ask({ type_url: TYPES.eds, resource_names: ["orders"] });
    await stream.isQuiet();
    await world.turn("a", "failing");
    assert.deepEqual(endpointsIn((await stream.next()).resources[0]), ["192.0.2.1:50051 UNHEALTHY"]);
  });

  test("a source that has not answered is no empty list", async (t) => {
    const world = new World(t);
    world.catalog.set({ instances: [], services: ["orders"], awaited: new Set(["orders"]) });
    const stream = world.open();
    stream.ask({ type_url: TYPES.eds, resource_names: ["orders"] });
    await stream.isQuiet();
  });

  test("what was sent stays: an isolation sends nothing, and its end only what has changed", async (t) => {
    const world = new World(t);
    world.configure([instanceOf("a"), instanceOf("p", { services: ["payments"] })]);
    const stream = world.open();
    assert.equal((await stream.get("eds", ["orders", "payments"])).resources.length, 2);
    isolate(2);
    await world.turn("a", "failing");
    await stream.isQuiet();
    isolate(0);
    const { resources } = await stream.next();
    assert.deepEqual(
      resources.map((each) => each.cluster_name),
      ["orders"],
    );
    assert.deepEqual(endpointsIn(resources[0]), ["192.0.2.1:50051 UNHEALTHY"]);
    await stream.isQuiet();
  });
});

describe("a client that does not read", () => {
  test("has one response in memory, and then gets the newest state only", async (t) => {
    const world = new World(t);
    world.configure([instanceOf("a")]);
    const stream = world.open();
    stream.isStuck = true;
    stream.ask({ type_url: TYPES.eds, resource_names: ["orders"] });
    for (let round = 0; round < 50; round += 1) await world.turn("a", round % 2 === 0 ? "failing" : "warning");
    assert.equal(stream.responses.length, 1);
    stream.unstick();
    await stream.next();
    assert.deepEqual(endpointsIn((await stream.next()).resources[0]), ["192.0.2.1:50051 DEGRADED"]);
    await stream.isQuiet();
    assert.equal(stream.handled, 1, "and then the next request is taken");
  });

  test("1,000 services are sent in parts of about 64 KiB", async (t) => {
    const world = new World(t);
    const instances = Array.from({ length: 1_000 }, (_, index) =>
      Array.from({ length: 10 }, (_, at) =>
        instanceOf(`i${index}-${at}`, { services: [`s${index}`], host: `10.${at}.${index >> 8}.${index & 255}` }),
      ),
    ).flat();
    world.configure(instances);
    const stream = world.open();
    const seen = new Set<string>();
    stream.ask({ type_url: TYPES.eds, resource_names: instances.flatMap(({ services }) => services) });
    let parts = 0;
    for (; seen.size < 1_000; parts += 1)
      for (const { cluster_name } of (await stream.next()).resources) seen.add(cluster_name);
    await stream.isQuiet();
    assert.ok(parts > 3 && parts < 20, `${parts} parts`);
  });
});
