/** Section A4: the life cycle, as far as it is the server's. The process's part is in `process.test.ts`. */
import assert from "node:assert/strict";
import { connect } from "node:net";
import { test } from "node:test";
import { eventually, inTime } from "../support/eventually.js";
import { quiet } from "../support/grpc-peer.js";
import { type Rows, row } from "./rows.js";

const SERVING = 1;
const NOT_SERVING = 2;
const NAMES = ["a", "b", "c"];

/** The end by force, which needs nothing of the rest. */
export const forcedStopRows: Rows = (factory) => {
  row(factory, "a forced stop ends every session [A78]", async ({ server, connect }) => {
    const peers = [connect(), connect(), connect()];
    const watches = peers.map((peer) => peer.watch("a"));
    for (const watch of watches) await watch.saw(3);
    await server.stop();
    for (const peer of peers) await eventually(() => peer.session.destroyed, "the client's session is gone");
  });
};

export const lifecycleRows: Rows = (factory) => {
  row(factory, "on drain, Check and Watch say NOT_SERVING, a Watch once [A65]", async ({ server, peer }) => {
    for (const name of NAMES) server.set(name, "SERVING");
    const watches = NAMES.map((name) => peer.watch(name));
    for (const watch of watches) await watch.saw(SERVING);
    server.drain();
    for (const watch of watches) await watch.saw(SERVING, NOT_SERVING);
    for (const name of [...NAMES, "", "readiness"]) assert.equal((await peer.check(name)).status, NOT_SERVING, name);
  });

  row(factory, "a drain does not change the views liveness and startup [A65]", async ({ server, peer }) => {
    server.drain();
    for (const view of ["liveness", "startup"]) assert.equal((await peer.check(view)).status, SERVING, view);
  });

  row(factory, "a set while draining changes no answer and returns false [A66]", async ({ server, peer }) => {
    server.set("a", "SERVING");
    server.drain();
    assert.equal(server.set("a", "SERVING"), false);
    assert.equal((await peer.check("a")).status, NOT_SERVING);
  });

  row(factory, "a clear while draining changes no answer and returns false [A67]", async ({ server, peer }) => {
    server.set("a", "SERVING");
    server.drain();
    assert.equal(server.clear("a"), false);
    assert.equal((await peer.check("a")).status, NOT_SERVING);
  });

  row(factory, "a drain in the middle of a thousand sets ends on NOT_SERVING [A68]", async ({ server, peer }) => {
    const watch = peer.watch("a");
    await watch.saw(3);
    for (let time = 0; time < 1000; time += 1) {
      if (time === 500) server.drain();
      server.set("a", time % 2 === 0 ? "SERVING" : "UNKNOWN");
    }
    await eventually(() => watch.statuses.at(-1) === NOT_SERVING, "the last message");
    await quiet(peer);
    assert.equal(watch.statuses.at(-1), NOT_SERVING);
    assert.equal((await peer.check("a")).status, NOT_SERVING);
  });

  row(factory, "a new name set while draining is NOT_SERVING [A69]", async ({ server, peer }) => {
    server.drain();
    server.set("new", "SERVING");
    assert.equal((await peer.check("new")).status, NOT_SERVING);
  });

  row(factory, "a second drain sends no message [A70]", async ({ server, peer }) => {
    server.set("a", "SERVING");
    const watch = peer.watch("a");
    await watch.saw(SERVING);
    server.drain();
    server.drain();
    await watch.saw(SERVING, NOT_SERVING);
    await quiet(peer);
    await watch.saw(SERVING, NOT_SERVING);
  });

  row(factory, "a service that is already NOT_SERVING gets no message [A71]", async ({ server, peer }) => {
    server.set("a", "NOT_SERVING");
    const watch = peer.watch("a");
    await watch.saw(NOT_SERVING);
    server.drain();
    await quiet(peer);
    await watch.saw(NOT_SERVING);
  });

  row(factory, "resume restores every status, and sets work again [A72]", async ({ server, peer }) => {
    server.set("up", "SERVING");
    server.set("down", "NOT_SERVING");
    server.set("unsure", "UNKNOWN");
    const watch = peer.watch("up");
    await watch.saw(SERVING);
    server.drain();
    server.resume();
    for (const [name, status] of [
      ["up", 1],
      ["down", 2],
      ["unsure", 0],
      ["", 1],
    ] as const) {
      assert.equal((await peer.check(name)).status, status, name);
    }
    assert.equal((await peer.check("nobody")).code, 5);
    assert.equal(server.set("up", "NOT_SERVING"), true);
    await eventually(() => watch.statuses.at(-1) === NOT_SERVING, "the set after resume");
  });

  row(
    factory,
    "resume publishes what was set meanwhile, and no SERVING that is no longer true [A72]",
    async ({ server, peer }) => {
      server.set("fell", "SERVING");
      server.set("gone", "SERVING");
      server.drain();
      server.set("fell", "NOT_SERVING");
      server.clear("gone");
      server.resume();
      assert.equal((await peer.check("fell")).status, NOT_SERVING);
      assert.equal((await peer.check("gone")).code, 5);
    },
  );

  row(
    factory,
    "a thousand Watch streams get NOT_SERVING, then UNAVAILABLE, and the server closes [A74]",
    async ({ server, connect }) => {
      server.set("a", "SERVING");
      const peers = Array.from({ length: 10 }, () => connect());
      const watches = peers.flatMap((peer) => Array.from({ length: 100 }, () => peer.watch("a")));
      for (const watch of watches) await watch.saw(SERVING);
      await inTime(server.shutdown({ drainDelayMs: 0 }), "the end of the shutdown");
      for (const watch of watches) {
        assert.equal((await watch.ended()).code, 14);
        assert.deepEqual(watch.statuses, [SERVING, NOT_SERVING]);
      }
      assert.equal(server.watcherCount(), 0);
    },
  );

  row(
    factory,
    "a client that never reads and never closes does not delay the shutdown [A75, C39]",
    async ({ server, connect }) => {
      const stuck = connect({ settings: { initialWindowSize: 0 } });
      const watch = stuck.watch("a");
      await new Promise((resolve) => watch.stream.once("response", resolve));
      const silent = connect();
      await silent.check("");
      await inTime(server.shutdown({ drainDelayMs: 0, closeTimeoutMs: 200 }), "the end of the shutdown");
      assert.equal(server.connectionCount(), 0);
    },
  );

  row(
    factory,
    "a connection that arrives while the server closes is refused or closed, never served [A77]",
    async ({ server, peer }) => {
      const watch = peer.watch("a");
      await watch.saw(3);
      const early = connect(server.port, "127.0.0.1"); // accepted, and has said nothing yet
      await new Promise((resolve) => early.once("connect", resolve));
      await eventually(() => server.connectionCount() === 2, "the silent connection is accepted");
      const stopping = server.shutdown({ drainDelayMs: 0, closeTimeoutMs: 300 });
      const closed = new Promise((resolve) => early.once("close", resolve));
      early.on("error", () => {}).on("data", () => assert.fail("it was served"));
      early.write("GET /livez HTTP/1.1\r\nHost: a\r\n\r\n");
      await inTime(closed, "the early connection is closed");
      const late = connect(server.port, "127.0.0.1");
      const code = await new Promise((resolve) => late.once("error", (error) => resolve(Reflect.get(error, "code"))));
      assert.equal(code, "ECONNREFUSED");
      peer.close();
      await stopping;
    },
  );

  test("stopping without connections takes no time [A79]", async () => {
    const server = await factory();
    await inTime(server.shutdown({ drainDelayMs: 0 }), "the end of the shutdown", 2_000);
  });

  test("a hundred starts and stops leave no handle open [A80]", async () => {
    const resources = () => process.getActiveResourcesInfo().filter((kind) => kind === "TCPServerWrap").length;
    const before = resources();
    for (let time = 0; time < 100; time += 1) {
      const server = await factory();
      await server.stop();
    }
    // other rows run at the same time and have servers of their own: a hundred of ours would show
    await eventually(() => resources() < before + 50, "the listening sockets are gone");
  });
};
