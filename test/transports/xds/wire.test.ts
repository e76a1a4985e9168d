/** xDS over the native engine: tokens, long requests, clients that do not read, and the end of the server. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { describe, type TestContext, test } from "node:test";
import { AccessToken } from "../../../src/core/bearer-token.js";
import { eventually, pause } from "../../support/eventually.js";
import { collect, frame, GrpcPeer } from "../../support/grpc-peer.js";
import {
  ADS,
  type DiscoveryResponse,
  readDiscoveryResponse,
  TYPES,
  writeDiscoveryRequest,
} from "../../support/xds-messages.js";
import { endpointsIn, instanceOf, World } from "./xds-fixture.js";
import { serveXds } from "./xds-server.js";

async function openPeer(t: TestContext, world: World, answerTimeoutMs?: number) {
  const peer = new GrpcPeer(await serveXds(t, world.service, answerTimeoutMs));
  t.after(() => peer.close());
  const open = (headers: Readonly<Record<string, string>> = {}, path = ADS) => {
    const stream = peer.open(path, headers);
    const responses: DiscoveryResponse[] = [];
    const end = collect(stream, (message) => responses.push(readDiscoveryResponse(message)));
    const ask = (resource_names: readonly string[], more = {}) =>
      stream.write(frame(writeDiscoveryRequest({ type_url: TYPES.eds, resource_names, ...more })));
    return { stream, responses, end, ask };
  };
  return { peer, open };
}

describe("xDS on a port", () => {
  test("answers a request, and sends a change", async (t) => {
    const world = new World(t);
    world.configure([instanceOf("a")]);
    const { open } = await openPeer(t, world);
    const { ask, responses } = open();
    ask(["orders"]);
    await eventually(() => responses.length === 1, "the first response");
    await world.turn("a", "failing");
    await eventually(() => responses.length === 2, "the change");
    assert.deepEqual(endpointsIn(responses[1]?.resources[0]), ["192.0.2.1:50051 UNHEALTHY"]);
  });

  test("a stream ends when its token is replaced, and one with the new token goes on", async (t) => {
    const token = new AccessToken("old");
    const world = new World(t, { token });
    world.configure([instanceOf("a")]);
    const { open } = await openPeer(t, world);
    const streams = [{ authorization: "Bearer old" }, { "x-consul-token": "old" }].map((headers) => open(headers));
    for (const { ask } of streams) ask(["orders"]);
    await eventually(() => streams.every(({ responses }) => responses.length === 1), "both are answered");
    token.value = "new";
    for (const { end } of streams) assert.equal((await end).code, 16);
    const { ask, responses } = open({ authorization: "Bearer new" });
    ask(["orders"]);
    await eventually(() => responses.length === 1, "the new token counts");
    token.value = "new";
    await world.turn("a", "failing");
    await eventually(() => responses.length === 2, "the same token ends nothing");
  });

  test("needs its token, as Bearer or as Consul's, and echoes nothing", async (t) => {
    const world = new World(t, { token: new AccessToken("secret") });
    world.configure([instanceOf("a")]);
    const { open } = await openPeer(t, world);
    for (const headers of [
      {},
      { authorization: "Bearer wrong" },
      { "x-consul-token": "wrong" },
      { authorization: "secret" },
      { authorization: "Bearer secret", "x-consul-token": "wrong" },
    ]) {
      const { ask, end } = open(headers);
      ask(["orders"]);
      const { code, text, messages } = await end;
      assert.deepEqual([code, text, messages.length], [16, "a token is needed", 0]);
    }
    for (const headers of [
      { authorization: "Bearer secret" },
      { "x-consul-token": "secret" },
      { authorization: "Bearer another", "x-consul-token": "secret" },
    ]) {
      const { ask, responses } = open(headers);
      ask(["orders"]);
      await eventually(() => responses.length === 1, JSON.stringify(headers));
    }
  });

  for (const method of [
    "/envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources",
    "/envoy.service.endpoint.v3.EndpointDiscoveryService/DeltaEndpoints",
    "/envoy.service.endpoint.v3.EndpointDiscoveryService/FetchEndpoints",
  ])
    test(`${method} is UNIMPLEMENTED`, async (t) => {
      const { open } = await openPeer(t, new World(t));
      const { stream, end } = open({}, method);
      stream.end();
      assert.equal((await end).code, 12);
    });

  test("takes a request of nearly 1 MiB, and refuses a longer one", async (t) => {
    const world = new World(t);
    world.configure([instanceOf("a")]);
    const { open } = await openPeer(t, world);
    const names = (count: number) =>
      Array.from({ length: count }, (_, index) => `service-${String(index).padStart(6, "0")}`);
    const long = open();
    long.ask(["orders", ...names(65_000)]);
    await eventually(() => long.responses.length === 1, "the response", 20_000);
    const tooLong = open();
    const answered = once(tooLong.stream, "response");
    tooLong.ask(names(70_000));
    const [head] = await answered;
    assert.deepEqual([head["grpc-status"], head["grpc-message"]], ["8", "message too large"]);
  });

  test("a client that does not read is sent one response, and its requests wait", async (t) => {
    const world = new World(t);
    const instances = Array.from({ length: 8_000 }, (_, index) =>
      instanceOf(`i${index}`, { host: `10.0.${index >> 8}.${index & 255}` }),
    );
    world.configure(instances);
    const { open } = await openPeer(t, world);
    const { stream, ask, responses } = open();
    stream.pause();
    ask(["orders"]);
    await eventually(() => world.service.pushes === 1, "a push");
    for (let round = 0; round < 20; round += 1) {
      await world.turn("i0", round % 2 === 0 ? "failing" : "passing");
      ask(["orders"], { response_nonce: "1", error_detail: { message: "no" } });
    }
    await pause(100);
    assert.equal(world.service.pushes, 1);
    assert.equal(world.service.nacks, 0, "no request is handled before the response is taken");
    await world.turn("i1", "failing");
    stream.resume();
    await eventually(() => responses.length === 2, "the newest state");
    assert.equal(endpointsIn(responses[1]?.resources[0])[1], "10.0.0.1:50051 UNHEALTHY");
    await eventually(() => world.service.nacks === 0 && world.service.pushes === 2, "stale NACKs are not counted");
  });

  test("a client that takes no byte for the time of an answer loses its stream", async (t) => {
    const world = new World(t);
    world.configure(
      Array.from({ length: 8_000 }, (_, index) =>
        instanceOf(`i${index}`, { host: `10.0.${index >> 8}.${index & 255}` }),
      ),
    );
    const { open } = await openPeer(t, world, 200);
    const { stream, ask } = open();
    stream.pause();
    ask(["orders"]);
    await eventually(() => world.service.streams === 1, "it is open");
    await eventually(() => world.service.streams === 0, "it is over");
  });

  test("a client that NACKs at full speed is counted, and is sent nothing again", async (t) => {
    const world = new World(t);
    world.configure([instanceOf("a")]);
    const { open } = await openPeer(t, world);
    const { stream, ask, responses } = open();
    ask(["orders"]);
    await eventually(() => responses.length === 1, "the response");
    const nack = {
      type_url: TYPES.eds,
      resource_names: ["orders"],
      response_nonce: "1",
      error_detail: { message: "no" },
    };
    stream.write(Buffer.concat(Array(2_000).fill(frame(writeDiscoveryRequest(nack)))));
    await eventually(() => world.service.nacks === 2_000, "all are counted", 20_000);
    assert.equal(responses.length, 1);
  });

  test("the end of the service ends all streams with UNAVAILABLE", async (t) => {
    const world = new World(t);
    world.configure([instanceOf("a")]);
    const { open } = await openPeer(t, world);
    const streams = [open(), open()];
    for (const { ask } of streams) ask(["orders"]);
    await eventually(() => streams.every(({ responses }) => responses.length === 1), "responses");
    world.service.endStreams();
    for (const { end } of streams) assert.equal((await end).code, 14);
    assert.equal((await open().end).code, 14);
  });
});
