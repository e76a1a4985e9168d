/**
 * The rules of state of the world: nonces, ACK and NACK, names, wildcards, reconnects, order.
 *
 * In brackets: tests of go-control-plane with the same rule (GCP, pkg/server/v3/server_test.go and pkg/cache/v3/simple_test.go).
 */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { subscribe } from "../../../src/core/channels.js";
import { TYPES, writeDiscoveryRequest } from "../../support/xds-messages.js";
import { endpointsIn, instanceOf, namesIn, type TypeName, World } from "./xds-fixture.js";

const PATHS = {
  cds: "/envoy.service.cluster.v3.ClusterDiscoveryService/StreamClusters",
  eds: "/envoy.service.endpoint.v3.EndpointDiscoveryService/StreamEndpoints",
  lds: "/envoy.service.listener.v3.ListenerDiscoveryService/StreamListeners",
  rds: "/envoy.service.route.v3.RouteDiscoveryService/StreamRoutes",
} as const;

const TYPE_NAMES = Object.keys(PATHS) as readonly TypeName[]; // the keys of the table above

const a = instanceOf("a");
const payments = instanceOf("p", { services: ["payments"] });

describe("a stream of one type", () => {
  for (const type of TYPE_NAMES) {
    test(`${type}: a request without a type URL is answered with its type [XD1]`, async (t) => {
      const world = new World(t);
      world.configure([a]);
      const stream = world.open(PATHS[type]);
      stream.ask({ node: { id: "n" }, resource_names: ["orders"] });
      const response = await stream.next();
      assert.equal(response.type_url, TYPES[type]);
      assert.deepEqual(namesIn(response), ["orders"]);
      assert.notEqual(response.version_info, "");
      assert.equal(response.nonce, "1");
    });

    test(`${type}: a request with an old nonce is ignored [XD2]`, async (t) => {
      const world = new World(t);
      world.configure([a, payments]);
      const stream = world.open(PATHS[type]);
      const response = await stream.get(type, ["orders"]);
      for (const nonce of ["", "0", "99", "x"])
        stream.ask({ type_url: TYPES[type], resource_names: ["payments"], response_nonce: nonce });
      await stream.isQuiet();
      stream.ack(response, ["payments"]);
      assert.deepEqual(namesIn(await stream.next()), ["payments"]);
    });

    test(`${type}: the end of the service ends the stream with UNAVAILABLE [XD3]`, async (t) => {
      const world = new World(t);
      world.configure([a]);
      const stream = world.open(PATHS[type]);
      await stream.get(type, ["orders"]);
      world.service.endStreams();
      assert.deepEqual(stream.ends, ["UNAVAILABLE server is shutting down"]);
      assert.deepEqual(world.open(PATHS[type]).ends, ["UNAVAILABLE server is shutting down"]);
    });
  }
});

describe("an aggregated stream", () => {
  test("serves all types, each with its own subscription [XD4]", async (t) => {
    const world = new World(t);
    world.configure([a]);
    const stream = world.open();
    for (const type of TYPE_NAMES) assert.deepEqual(namesIn(await stream.get(type, ["orders"])), ["orders"], type);
    assert.deepEqual(
      stream.responses.map(({ nonce }) => nonce),
      ["1", "2", "3", "4"],
    );
  });

  test("refuses a request without a type URL [XD6]", (t) => {
    const stream = new World(t).open();
    stream.ask({ resource_names: ["orders"] });
    assert.deepEqual(stream.ends, ["INVALID_ARGUMENT type_url is required"]);
  });

  test("ignores types that are not served, and goes on [XD7]", async (t) => {
    const world = new World(t);
    world.configure([a]);
    const stream = world.open();
    for (const type_url of [
      "type.googleapis.com/test",
      "envoy.config.cluster.v3.Cluster",
      TYPES.eds.replace("v3", "v2"),
    ])
      for (let count = 0; count < 5; count += 1) stream.ask({ type_url, resource_names: ["orders"] });
    await stream.isQuiet();
    assert.deepEqual(namesIn(await stream.get("eds", ["orders"])), ["orders"]);
    assert.equal(stream.handled, 15, "the answer of the last request is not taken yet");
  });

  test("is over when the client goes, also while a change waits [XD8]", async (t) => {
    const world = new World(t);
    world.configure([a]);
    const stream = world.open();
    await stream.get("eds", ["orders"]);
    assert.equal(world.service.streams, 1);
    world.report("a", "failing");
    stream.close();
    await world.clock.advance(20);
    await stream.isQuiet();
    assert.equal(world.service.streams, 0);
    assert.equal(world.clock.pendingTimers, 0);
  });

  test("a response for names that the client has just left is not sent [XD5]", async (t) => {
    const world = new World(t);
    world.configure([a]);
    const stream = world.open();
    const response = await stream.get("eds", ["orders"]);
    world.report("a", "failing");
    stream.ack(response, []);
    await world.clock.advance(20);
    await stream.isQuiet();
  });

  test("a client that is always one response behind gets its new names, and loses those that it leaves", async (t) => {
    const world = new World(t);
    world.configure([a, payments]);
    const stream = world.open();
    let behind = await stream.get("eds", ["orders"]);
    const flap = async (at: number) => {
      await world.turn("a", at % 2 === 0 ? "failing" : "passing");
      return stream.next();
    };
    for (let at = 0; at < 4; at += 1) {
      const next = await flap(at);
      stream.ack(behind, ["payments", "orders"]);
      behind = next;
    }
    const told = stream.responses.flatMap(namesIn);
    assert.deepEqual(told.filter((name) => name === "payments").length, 1, told.join());
    const last = await flap(4);
    stream.ack(behind, ["payments"]);
    await world.turn("a", "passing");
    await stream.isQuiet();
    stream.ack(last, ["payments", "orders"]);
    assert.deepEqual(namesIn(await stream.next()), ["orders"], "left and asked for again");
  });

  test("a late request with the names that hold already withdraws the names of one before it", async (t) => {
    const world = new World(t);
    world.configure([a, payments]);
    const stream = world.open();
    const first = await stream.get("eds", ["orders"]);
    await world.turn("a", "failing");
    await stream.next();
    stream.ack(first, ["payments"]);
    stream.ack(first, ["orders"]);
    await world.turn("p", "failing");
    await stream.isQuiet();
    await world.turn("a", "passing");
    assert.deepEqual(namesIn(await stream.next()), ["orders"]);
  });

  test("a request is taken while responses are always due", async (t) => {
    const world = new World(t);
    const crowd = Array.from({ length: 4 }, (_, at) => instanceOf(`c${at}`, { services: [`s${at}`] }));
    world.configure([...crowd, payments]);
    const stream = world.open();
    const first = await stream.get("eds", ["s0"]);
    stream.isStuck = true;
    stream.ack(first, ["s0", "s1"]);
    stream.ask({ type_url: TYPES.cds, resource_names: ["payments"] });
    const handled = () => stream.handled;
    const before = handled();
    for (let at = 0; at < 3; at += 1) {
      await world.turn("c0", at % 2 === 0 ? "failing" : "passing");
      stream.takeOne();
    }
    assert.ok(handled() > before, "the next request may come");
  });

  test("tells clusters before endpoints, and listeners before routes", async (t) => {
    const world = new World(t);
    const stream = world.open();
    for (const type of ["rds", "lds", "eds", "cds"] as const)
      stream.ask({ type_url: TYPES[type], resource_names: ["orders"] });
    const empty = [await stream.next(), await stream.next()].map(({ type_url }) => type_url);
    assert.deepEqual(empty.sort(), [TYPES.cds, TYPES.lds], "whole types say that there is none");
    await stream.isQuiet();
    world.configure([a]);
    const order: string[] = [];
    for (let count = 0; count < 4; count += 1) order.push((await stream.next()).type_url);
    assert.deepEqual(order, [TYPES.cds, TYPES.eds, TYPES.lds, TYPES.rds]);
  });

  test("ends when no request comes for 30 seconds, and not after one", async (t) => {
    const world = new World(t);
    const [silent, asking] = [world.open(), world.open()];
    asking.ask({ type_url: TYPES.eds, resource_names: ["orders"] });
    await world.clock.advance(40_000);
    assert.deepEqual(silent.ends, ["DEADLINE_EXCEEDED no request for 30 seconds"]);
    assert.deepEqual(asking.ends, []);
  });

  test("ends with OK when the client ends its side", (t) => {
    const stream = new World(t).open();
    stream.halfClose();
    assert.deepEqual(stream.ends, ["OK"]);
  });

  for (const [what, bytes] of [
    ["a cut field", Buffer.from([0x1a, 0x05, 0x61])],
    ["a name that is no UTF-8", Buffer.from([0x1a, 0x01, 0xff])],
    ["a name that is cut", Buffer.from([0x1a, 0x80])],
    ["a name whose length is not there", Buffer.from([0x1a])],
    ["a node that is a number", Buffer.from([0x10, 0x01])],
  ] as const)
    test(`a request with ${what} ends the stream with INVALID_ARGUMENT`, (t) => {
      const stream = new World(t).open();
      stream.askBytes(bytes);
      assert.deepEqual(stream.ends, ["INVALID_ARGUMENT malformed request"]);
    });
});

describe("ACK and NACK", () => {
  test("an ACK is answered by nothing until a resource changes [XD9]", async (t) => {
    const world = new World(t);
    world.configure([a]);
    const stream = world.open();
    const first = await stream.get("eds", ["orders"]);
    assert.deepEqual(endpointsIn(first.resources[0]), ["192.0.2.1:50051 HEALTHY"]);
    stream.ack(first, ["orders"]);
    await stream.isQuiet();
    await world.turn("a", "failing");
    const second = await stream.next();
    assert.deepEqual(endpointsIn(second.resources[0]), ["192.0.2.1:50051 UNHEALTHY"]);
    assert.notEqual(second.nonce, first.nonce);
    assert.notEqual(second.version_info, first.version_info);
  });

  for (const type of TYPE_NAMES)
    test(`${type}: a NACK is counted, and the same resource is not sent again [XD13]`, async (t) => {
      const world = new World(t);
      world.configure([a]);
      const told: string[] = [];
      t.after(subscribe("xds-nack", ({ type: of, detail }) => told.push(`${of} ${detail}`)));
      const stream = world.open();
      const response = await stream.get(type, ["orders"]);
      for (let count = 0; count < 3; count += 1) stream.nack(response, ["orders"], `no\n${"x".repeat(1_000)}`);
      await stream.isQuiet();
      assert.equal(world.service.nacks, 3);
      assert.equal(told.length, 3);
      assert.match(told[0] ?? "", new RegExp(`^${type} no\\\\u000ax{197}$`), "bounded and printable");
    });

  test("a changed resource is sent after a NACK", async (t) => {
    const world = new World(t);
    world.configure([a]);
    const stream = world.open();
    stream.nack(await stream.get("eds", ["orders"]), ["orders"]);
    await world.turn("a", "warning");
    assert.deepEqual(endpointsIn((await stream.next()).resources[0]), ["192.0.2.1:50051 DEGRADED"]);
  });

  test("a NACK with an old nonce is not counted", async (t) => {
    const world = new World(t);
    world.configure([a]);
    const stream = world.open();
    const response = await stream.get("eds", ["orders"]);
    await world.turn("a", "failing");
    await stream.next();
    stream.nack(response, ["orders"]);
    assert.equal(world.service.nacks, 0);
  });
});

describe("names", () => {
  for (const type of ["eds", "rds"] as const)
    test(`${type}: only new names are answered; those that were left are sent anew when they come back [XD12]`, async (t) => {
      const world = new World(t);
      world.configure([a, payments]);
      const stream = world.open();
      const first = await stream.get(type, ["orders"]);
      stream.ack(first, ["orders", "payments"]);
      const second = await stream.next();
      assert.deepEqual(namesIn(second), ["payments"]);
      stream.ack(second, ["payments"]);
      await stream.isQuiet();
      stream.ack(second, ["orders", "payments"]);
      assert.deepEqual(namesIn(await stream.next()), ["orders"]);
    });

  for (const type of ["cds", "lds"] as const)
    test(`${type}: each response is whole`, async (t) => {
      const world = new World(t);
      world.configure([a, payments]);
      const stream = world.open();
      const first = await stream.get(type, ["orders"]);
      stream.ack(first, ["orders", "payments"]);
      const second = await stream.next();
      assert.deepEqual(namesIn(second), ["orders", "payments"]);
      world.configure([payments]);
      assert.deepEqual(namesIn(await stream.next()), ["payments"], "a service that goes");
      world.configure([a, payments]);
      assert.deepEqual(namesIn(await stream.next()), ["orders", "payments"], "and comes back");
    });

  test("cds and lds say at once that a service does not exist; eds and rds wait for it", async (t) => {
    const world = new World(t);
    const stream = world.open();
    for (const type of ["cds", "lds"] as const) assert.deepEqual(namesIn(await stream.get(type, ["orders"])), []);
    for (const type of ["eds", "rds"] as const) stream.ask({ type_url: TYPES[type], resource_names: ["orders"] });
    await stream.isQuiet();
    world.configure([a]);
    const later = [await stream.next(), await stream.next(), await stream.next(), await stream.next()];
    for (const response of later) assert.deepEqual(namesIn(response), ["orders"]);
  });

  test("a state that changes is no change of clusters, listeners and routes", async (t) => {
    const world = new World(t);
    world.configure([a]);
    const stream = world.open();
    for (const type of ["cds", "lds", "rds"] as const) await stream.get(type, ["orders"]);
    await world.turn("a", "failing");
    await stream.isQuiet();
  });

  test("in parts of a request, between other fields, are one list", async (t) => {
    const world = new World(t);
    const long = "l".repeat(200); // its length takes two bytes
    world.configure([a, payments, instanceOf("l", { services: [long] })]);
    const stream = world.open();
    const parts = [{ resource_names: ["orders"] }, { type_url: TYPES.eds }, { resource_names: [long, "payments"] }];
    stream.askBytes(Buffer.concat(parts.map((part) => writeDiscoveryRequest(part))));
    const response = await stream.next();
    assert.deepEqual(namesIn(response).toSorted(), [long, "orders", "payments"]);
    stream.ack(response, ["orders", long, "payments"]);
    await stream.isQuiet();
  });

  test("a name twice, an empty one and one that is no service are no error", async (t) => {
    const world = new World(t);
    world.configure([a]);
    const stream = world.open();
    const response = await stream.get("eds", ["orders", "orders", "", "x".repeat(10_000), "überall"]);
    assert.deepEqual(namesIn(response), ["orders"]);
  });

  test("more than 100,000 names of a type, or a million of all streams, end the stream with RESOURCE_EXHAUSTED", (t) => {
    const world = new World(t);
    const names = Array.from({ length: 100_001 }, (_, index) => index.toString(36));
    const ask = (resource_names: readonly string[]) => {
      const stream = world.open();
      stream.ask({ type_url: TYPES.eds, resource_names });
      return stream.ends.join();
    };
    const refusal = "RESOURCE_EXHAUSTED too many resource names";
    assert.equal(ask(names), refusal);
    const ends = Array.from({ length: 11 }, () => ask(names.slice(1)));
    assert.deepEqual(ends, [...Array(10).fill(""), refusal]);
  });
});

describe("a wildcard", () => {
  for (const [what, names] of [
    ["an empty first request", []],
    ["the name *", ["*"]],
    ["the name * beside others", ["orders", "*"]],
  ] as const)
    for (const type of ["cds", "eds", "rds"] as const)
      test(`${type}: ${what} gets all services, also those that come and go [XD11]`, async (t) => {
        const world = new World(t);
        world.configure([a, payments]);
        const stream = world.open();
        const first = await stream.get(type, names);
        assert.deepEqual(namesIn(first), ["orders", "payments"]);
        stream.ack(first, names);
        await stream.isQuiet();
        world.configure([a, payments, instanceOf("u", { services: ["users"] })]);
        const second = await stream.next();
        assert.deepEqual(namesIn(second), type === "cds" ? ["orders", "payments", "users"] : ["users"]);
        stream.ack(second, names);
        await stream.isQuiet();
      });

  test("ends with the first names; after them, an empty list means none [XD10]", async (t) => {
    const world = new World(t);
    world.configure([a, payments]);
    const stream = world.open();
    const first = await stream.get("eds", []);
    stream.ack(first, ["payments"]);
    await stream.isQuiet();
    await world.turn("a", "failing");
    await stream.isQuiet();
    await world.turn("p", "failing");
    const second = await stream.next();
    assert.deepEqual(namesIn(second), ["payments"]);
    stream.ack(second, []);
    await world.turn("p", "passing");
    await stream.isQuiet();
    stream.ack(second, ["*"]);
    assert.deepEqual(namesIn(await stream.next()), ["orders", "payments"]);
  });

  test("has no listeners: those of this server are for gRPC clients, which ask by name", async (t) => {
    const world = new World(t);
    world.configure([a]);
    const stream = world.open();
    assert.deepEqual(namesIn(await stream.get("lds", [])), []);
    world.configure([a, payments]);
    await stream.isQuiet();
  });
});

describe("a reconnect", () => {
  for (const type of TYPE_NAMES)
    test(`${type}: is answered once, whatever version and nonce it brings`, async (t) => {
      const world = new World(t);
      world.configure([a]);
      const before = await world.open().get(type, ["orders"]);
      for (const nonce of ["", before.nonce, "17"]) {
        const stream = world.open();
        const request = { version_info: before.version_info, response_nonce: nonce };
        const response = await stream.get(type, ["orders"], request);
        assert.deepEqual(namesIn(response), ["orders"]);
        stream.ack(response, ["orders"]);
        await stream.isQuiet();
      }
    });
});

describe("who may open streams", () => {
  test("more than the limit are refused, until one has ended", (t) => {
    const world = new World(t, { maxStreams: 2 });
    const [first] = [world.open(), world.open()];
    assert.deepEqual(world.open().ends, ["RESOURCE_EXHAUSTED too many xDS streams"]);
    first?.close();
    assert.deepEqual(world.open().ends, []);
  });
});
