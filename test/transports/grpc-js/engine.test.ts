/** The engine on grpc-js, with connections from a plain listener: what a client sees of its settings and its end. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { describe, type TestContext, test } from "node:test";
import { Registry } from "../../../src/registry/registry.js";
import { HealthService } from "../../../src/transports/grpc/health-service.js";
import { ReflectionService } from "../../../src/transports/grpc/reflection.js";
import { createGrpcJsEngine, type GrpcJsEngineOptions } from "../../../src/transports/grpc-js/engine.js";
import { eventually } from "../../support/eventually.js";
import { frame, GrpcPeer, HEALTH, quiet, request, statusIn } from "../../support/grpc-peer.js";
import { methodOf } from "../../support/reflection.js";
import { VirtualClock } from "../../support/virtual-clock.js";

const EMPTY = frame(Buffer.alloc(0));

/** An engine with a port, its registry, and a client. */
async function serving(t: TestContext, options: Partial<GrpcJsEngineOptions> = {}) {
  const clock = new VirtualClock();
  const registry = new Registry({ clock, instance: "engine-test" });
  const http: string[] = [];
  const engine = createGrpcJsEngine({
    clock,
    service: new HealthService(registry),
    reflection: undefined,
    onHttp: (stream, headers) => {
      http.push(String(headers[":path"]));
      stream.respond({ ":status": 200 }, { endStream: true });
    },
    ...options,
  });
  const sockets = new Set<Socket>();
  const server = createServer({ noDelay: true }, (socket) => {
    sockets.add(socket.on("close", () => sockets.delete(socket)));
    engine.accept(socket.on("error", () => {}));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const peers: GrpcPeer[] = [];
  const connect = () => {
    // a server that listens on a port has an address with one
    const peer = new GrpcPeer((server.address() as AddressInfo).port);
    peers.push(peer);
    return peer;
  };
  t.after(async () => {
    for (const peer of peers) peer.close();
    engine.drain();
    server.close();
    await eventually(() => sockets.size === 0, "every connection is closed");
  });
  return { engine, registry, clock, http, peer: connect(), connect };
}

describe("an engine", () => {
  test("sends its limits to the client: concurrent streams, and the size of headers", async (t) => {
    const { peer } = await serving(t);
    await once(peer.session, "remoteSettings");
    const { maxConcurrentStreams, maxHeaderListSize } = peer.session.remoteSettings;
    assert.deepEqual([maxConcurrentStreams, maxHeaderListSize], [1024, 16_384]);
  });

  test("refuses a call with more than 64 headers, and no other [B29]", async (t) => {
    const { peer } = await serving(t);
    const pairs = (count: number) =>
      Object.fromEntries(Array.from({ length: count }, (_, index) => [`x-${index}`, "v"]));
    assert.equal((await peer.call(`${HEALTH}/Check`, EMPTY, pairs(50))).code, 0);
    const refused = await peer.call(`${HEALTH}/Check`, EMPTY, pairs(70));
    assert.deepEqual([refused.code, refused.rstCode], [-1, 11]); // ENHANCE_YOUR_CALM
    assert.equal((await peer.check("")).status, 1);
  });

  test("refuses a message of more than 4,096 bytes [B9]", async (t) => {
    const { peer } = await serving(t);
    const body = (length: number) =>
      Buffer.concat([Buffer.from([0x12, 0x80 | (length & 127), length >> 7]), Buffer.alloc(length)]);
    assert.equal((await peer.call(`${HEALTH}/Check`, frame(body(4_093)))).code, 0);
    assert.equal((await peer.call(`${HEALTH}/Check`, frame(body(4_094)))).code, 8);
  });

  test("answers Check, List and Watch from its registry", async (t) => {
    const { peer, registry } = await serving(t);
    registry.set("a", "NOT_SERVING");
    assert.equal((await peer.check("a")).status, 2);
    assert.deepEqual(Object.fromEntries((await peer.list()).statuses), { "": 1, a: 2 });
    const watch = peer.watch("a");
    await watch.saw(2);
    registry.set("a", "SERVING");
    await watch.saw(2, 1);
    watch.cancel();
    await eventually(() => registry.watcherCount === 0, "the watcher is gone");
  });

  test("sends an error as trailers, with a constant text [A81]", async (t) => {
    const { peer } = await serving(t);
    const { end } = await peer.check("nobody");
    assert.deepEqual([end.httpStatus, end.code, end.text, end.messages.length], [200, 5, "unknown service", 0]);
  });

  test("gives requests that are not gRPC to plain HTTP", async (t) => {
    const { peer, http } = await serving(t);
    assert.equal(
      (await peer.call("/healthcheck", Buffer.alloc(0), { ":method": "GET", "content-type": undefined })).httpStatus,
      200,
    );
    assert.deepEqual(http, ["/healthcheck"]);
  });

  test("has no methods of the health service if it is off [A19]", async (t) => {
    const { peer } = await serving(t, { service: undefined });
    for (const method of ["Check", "List", "Watch"])
      assert.equal((await peer.call(`${HEALTH}/${method}`, EMPTY)).code, 12, method);
  });

  test("limits the time of a request as configured [B19]", async (t) => {
    const { peer, clock } = await serving(t, { requestTimeoutMs: 200 });
    await peer.check("");
    const before = clock.pendingTimers;
    const stream = peer.open(`${HEALTH}/Check`);
    const closed = once(stream, "close");
    await eventually(() => clock.pendingTimers === before + 1, "the call is there");
    await clock.advance(200);
    await closed;
  });

  test("a method for balancers answers by its code alone", async (t) => {
    const { peer, registry } = await serving(t, { statusCodePaths: ["/AWS.ALB/healthcheck", "/my.Own/path"] });
    for (const path of ["/AWS.ALB/healthcheck", "/my.Own/path"]) {
      registry.set("", "SERVING");
      const ok = await peer.call(path, frame(request("nobody")));
      assert.deepEqual([ok.code, statusIn(ok.messages[0])], [0, 1]);
      registry.set("", "NOT_SERVING");
      const bad = await peer.call(path, EMPTY);
      assert.deepEqual([bad.code, bad.text, bad.messages.length], [14, "NOT_SERVING", 0]);
    }
  });

  for (const paths of [[`${HEALTH}/Check`], [methodOf("v1")], ["/a/b", "/a/b"]]) {
    test(`refuses the status code paths ${paths.join(" and ")}, which are in use`, () => {
      const [clock, instance] = [new VirtualClock(), "engine-test"];
      const service = new HealthService(new Registry({ clock, instance }));
      const reflection = new ReflectionService({ clock, instance, health: true });
      const options = { clock, service, reflection, onHttp: () => {} };
      assert.throws(() => createGrpcJsEngine({ ...options, statusCodePaths: paths }), {
        code: "INVALID_OPTION",
        message: `statusCodePaths: "${paths[0]}" is a method that this server has already`,
      });
    });
  }

  test("sends GOAWAY to every client, and lets open calls end [A78]", async (t) => {
    const { engine, registry, peer, connect } = await serving(t);
    const other = connect();
    await other.check("");
    const watch = peer.watch("a");
    await watch.saw(3);
    const warned = new Set<GrpcPeer>();
    for (const client of [peer, other]) client.session.on("goaway", () => warned.add(client));
    engine.drain();
    await eventually(() => warned.size === 2, "both get GOAWAY");
    await eventually(() => other.session.destroyed, "who has no call is gone");
    registry.set("a", "SERVING");
    await watch.saw(3, 1);
    assert.equal(watch.end, undefined);
  });

  test("sending GOAWAY twice is allowed", async (t) => {
    const { engine, peer } = await serving(t);
    await quiet(peer);
    engine.drain();
    engine.drain();
    await eventually(() => peer.session.destroyed, "the client is gone");
  });
});
