/** The life of a `Health`: what `listen`, `close` and `shutdown` leave open in whatever order they are called. */
import assert from "node:assert/strict";
import { createServer as createHttpServer } from "node:http";
import { connect, createServer } from "node:net";
import { describe, type TestContext, test } from "node:test";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { Server, ServerCredentials } from "@grpc/grpc-js";
import { Health, type HealthOptions, type HealthServer } from "../../src/index.js";
import { inTime, pause } from "../support/eventually.js";
import { freePort } from "../support/free-port.js";
import { GrpcPeer } from "../support/grpc-peer.js";
import { holdLookups } from "../support/host-names.js";
import { portOf } from "../support/port-of.js";
import { settle, VirtualClock } from "../support/virtual-clock.js";

const STOPPED = { code: "ALREADY_STOPPED" };
const AT_ONCE = { drainDelayMs: 0, closeTimeoutMs: 0 };

/** A health that is shut down at the end of the test, whatever the test has seen. */
function healthOf(t: TestContext, options?: HealthOptions): Health {
  const health = new Health(options);
  t.after(() => health.shutdown(AT_ONCE));
  return health;
}

/** Whether a connection to a port is accepted. */
function isOpen(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", () => resolve(false));
  });
}

/** Lets `count` steps of other work pass: promises first, then turns of the event loop, then milliseconds. */
async function steps(count: number): Promise<void> {
  for (let step = 0; step < Math.min(count, 60); step += 1) await (step < 40 ? undefined : settle());
  if (count >= 60) await pause(2 ** Math.min(count - 60, 12));
}

describe("listen() beside shutdown()", () => {
  test("leaves nothing open, at whichever step of listen() the shutdown begins", async (t) => {
    let [refused, served] = [0, 0];
    for (let count = 0; count < 60 || served === 0; count += 1) {
      const health = healthOf(t);
      const port = await freePort();
      const listening = health.listen([`127.0.0.1:${port}`]).then(
        () => "served",
        (error: unknown) => Object(error).code,
      );
      await steps(count);
      await inTime(health.shutdown(AT_ONCE), "the shutdown");
      const outcome = await inTime(listening, "listen() settles");
      if (outcome === "served") served += 1;
      else if (outcome === "ALREADY_STOPPED") refused += 1;
      else assert.fail(`listen() ended with ${outcome}`);
      assert.equal(await isOpen(port), false, `open after shutdown at step ${count}, listen() was ${outcome}`);
    }
    assert.ok(refused > 0 && served > 0, `both orders were seen: ${refused} refused, ${served} served`);
  });

  test("rejects at once while a host name is looked up, and opens nothing when the lookup ends", async (t) => {
    const lookups = holdLookups(t);
    const health = healthOf(t);
    const port = await freePort();
    const listening = assert.rejects(health.listen([`slow.example:${port}`]), STOPPED);
    while (lookups.asked.length === 0) await settle();
    await inTime(health.shutdown(AT_ONCE), "the shutdown", 5_000);
    await inTime(listening, "listen() rejects", 5_000);
    lookups.resolve();
    await pause(50);
    assert.equal(await isOpen(port), false);
  });

  test("of two calls, closes the one that listens and refuses the one that does not yet", async (t) => {
    const lookups = holdLookups(t);
    const health = healthOf(t);
    const port = await freePort();
    const slow = assert.rejects(health.listen([`slow.example:${port}`]), STOPPED);
    const server = await health.listen(["127.0.0.1:0"]);
    const open = portOf(server);
    await health.shutdown(AT_ONCE);
    await slow;
    lookups.resolve();
    await pause(50);
    assert.deepEqual([await isOpen(open), await isOpen(port), server.connectionCount], [false, false, 0]);
  });

  test("an address that cannot be bound does not fail the shutdown", async (t) => {
    const taken = createServer();
    await new Promise<void>((resolve) => void taken.listen(0, "127.0.0.1", resolve));
    const { port } = Object(taken.address());
    for (let count = 0; count < 60; count += 3) {
      const health = healthOf(t);
      const code = health.listen([`127.0.0.1:${port}`]).catch((error: unknown) => Object(error).code);
      await steps(count);
      await inTime(health.shutdown(AT_ONCE), "the shutdown");
      assert.ok(["ALREADY_STOPPED", "LISTEN_FAILED"].includes(String(await code)), String(await code));
    }
    await new Promise((resolve) => taken.close(resolve));
  });

  test("await using ends a listen() that no caller awaited", async (t) => {
    holdLookups(t);
    let listening: Promise<void> | undefined;
    {
      await using health = new Health();
      listening = assert.rejects(health.listen(["slow.example:0"]), STOPPED);
    }
    await inTime(listening, "listen() rejects", 5_000);
  });

  test("is refused after it", async (t) => {
    const health = healthOf(t);
    const stopped = health.shutdown();
    await assert.rejects(health.listen(["127.0.0.1:0"]), {
      ...STOPPED,
      message: "listen() must come before shutdown()",
    });
    await stopped;
  });

  test("a listener of transitions that calls shutdown() during a shutdown gets the same promise", async (t) => {
    const health = healthOf(t);
    health.set("a", "SERVING");
    const inner: unknown[] = [];
    health.onTransition(() => inner.push(health.shutdown()));
    const outer = health.shutdown();
    await inTime(outer, "the shutdown");
    assert.ok(inner.length > 0 && inner.every((promise) => promise === outer));
  });
});

describe("a server that was closed", () => {
  /** A health with a server that was closed; the server is not reachable from here any more. */
  async function closed(t: TestContext, health: Health): Promise<{ readonly ref: WeakRef<HealthServer> }> {
    const server = await health.listen(["127.0.0.1:0"]);
    const client = connect(portOf(server), "127.0.0.1");
    t.after(() => void client.destroy());
    client.on("error", () => {});
    await new Promise((resolve) => client.once("connect", resolve));
    await inTime(server.close(), "the server closes");
    assert.equal(server.connectionCount, 0);
    return { ref: new WeakRef(server) };
  }

  test("is not waited for: a shutdown without another server has no drain delay", async (t) => {
    const clock = new VirtualClock();
    const health = healthOf(t, { clock });
    await closed(t, health);
    await inTime(health.shutdown(), "the shutdown, without time passing", 5_000);
  });

  test("is forgotten: its memory can be reclaimed", async (t) => {
    setFlagsFromString("--expose-gc");
    const collect: () => void = runInNewContext("gc");
    const health = healthOf(t);
    const refs = [await closed(t, health), await closed(t, health), await closed(t, health)];
    await pause(50);
    collect();
    const kept = refs.filter(({ ref }) => ref.deref() !== undefined).length;
    assert.ok(kept <= 1, `${kept} of 3 are kept`); // the last one may still be on the stack
    await health.shutdown();
  });

  test("closes once: the second call and a shutdown that runs meanwhile do nothing more", async (t) => {
    const health = healthOf(t);
    const server = await health.listen(["127.0.0.1:0"]);
    const other = await health.listen(["127.0.0.1:0"]);
    const closing = server.close();
    assert.ok(server.close() === closing, "it is the same promise");
    await inTime(Promise.all([closing, health.shutdown(AT_ONCE)]), "both end");
    assert.deepEqual([await isOpen(portOf(server)), await isOpen(portOf(other))], [false, false]);
  });

  test("can be closed while a shutdown waits", async (t) => {
    const clock = new VirtualClock();
    const health = healthOf(t, { clock });
    const server = await health.listen(["127.0.0.1:0"]);
    const stopped = health.shutdown();
    await inTime(server.close(), "the server closes");
    assert.equal(await isOpen(portOf(server)), false);
    await clock.advance(5_000);
    await inTime(stopped, "the shutdown");
  });
});

describe("after shutdown()", () => {
  test("nothing that would run on can be started", async (t) => {
    const health = healthOf(t);
    health.check("a", () => {});
    const config = { checks: [], services: [], isolation: undefined, allowLinkLocal: false };
    const stopped = health.shutdown();
    for (const start of [
      () => health.check("b", () => {}),
      () => void health.heartbeat("c", { ttl: "1s" }),
      () => health.isolate({ selfCheck: () => {} }),
      () => health.configure(config),
      () => health.resume(),
    ])
      assert.throws(start, { ...STOPPED, message: /^\w+\(\) must come before shutdown\(\)$/ });
    await stopped;
    assert.deepEqual([health.draining, health.status("a"), health.status("b")], [true, "NOT_SERVING", undefined]);
  });

  test("statuses are still read, and writes are held back", async (t) => {
    const health = healthOf(t);
    health.set("a", "SERVING");
    const transitions: string[] = [];
    await health.shutdown();
    health.onTransition(({ name, to }) => transitions.push(`${name} ${to}`));
    assert.equal(health.set("b", "SERVING"), false);
    assert.equal(health.clear("a"), false);
    assert.deepEqual(
      [...health.list()],
      [
        ["", "NOT_SERVING"],
        ["a", "NOT_SERVING"],
        ["b", "NOT_SERVING"],
      ],
    );
    assert.deepEqual(transitions, ["b NOT_SERVING"]);
    assert.equal(health.removeCheck("a"), false);
  });

  test("a server of the application reports NOT_SERVING, and its Watch ends with UNAVAILABLE", async (t) => {
    const health = healthOf(t);
    await health.shutdown();
    const grpc = new Server();
    health.addToServer(grpc);
    const port = await new Promise<number>((resolve, reject) =>
      grpc.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, bound) =>
        error === null ? resolve(bound) : reject(error),
      ),
    );
    const peer = new GrpcPeer(port);
    assert.equal((await peer.check("")).status, 2);
    assert.equal((await peer.watch("").ended()).code, 14);
    peer.close();
    grpc.forceShutdown();
  });

  test("an HTTP server of the application answers 503", async (t) => {
    const health = healthOf(t);
    await health.shutdown();
    const middleware = health.middleware();
    const http = createHttpServer((request, response) => middleware(request, response, () => response.end()));
    await new Promise<void>((resolve) => void http.listen(0, "127.0.0.1", resolve));
    const answer = await fetch(`http://127.0.0.1:${Object(http.address()).port}/healthcheck`);
    assert.deepEqual([answer.status, await answer.text()], [503, "NOT_SERVING"]);
    await new Promise((resolve) => http.close(resolve));
  });
});
