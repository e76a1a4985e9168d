import assert from "node:assert/strict";
import { createServer } from "node:http";
import { describe, test } from "node:test";
import { Server, ServerCredentials } from "@grpc/grpc-js";
import { Health, type Transition } from "../../src/index.js";
import { inTime } from "../support/eventually.js";
import { GrpcPeer } from "../support/grpc-peer.js";
import { settle, VirtualClock } from "../support/virtual-clock.js";

const bind = (server: Server): Promise<number> =>
  new Promise((resolve, reject) =>
    server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, port) =>
      error === null ? resolve(port) : reject(error),
    ),
  );

describe("the library", () => {
  test("adds a health service to the application's own gRPC server, and ends its Watch streams", async () => {
    const health = new Health();
    const server = new Server();
    health.addToServer(server);
    const peer = new GrpcPeer(await bind(server));
    health.set("a", "SERVING");
    const watch = peer.watch("a");
    await watch.saw(1);
    await health.shutdown({ drainDelayMs: 0 });
    assert.equal((await watch.ended()).code, 14);
    assert.deepEqual(watch.statuses, [1, 2]);
    peer.close();
    server.forceShutdown();
  });

  test("adding to a server twice throws, and the error says what to do [B104]", () => {
    const server = new Server();
    new Health().addToServer(server);
    assert.throws(() => new Health().addToServer(server), { code: "ALREADY_ADDED", message: /add healthbridge once/ });
  });

  test("keeps its drain delay when the application's own server serves it", async () => {
    for (const lend of [
      (health: Health) => health.addToServer(new Server()),
      (health: Health) => void health.middleware(),
    ]) {
      const clock = new VirtualClock();
      const health = new Health({ clock });
      lend(health);
      let done = false;
      void health.shutdown().then(() => {
        done = true;
      });
      await clock.advance(4_999);
      assert.deepEqual([done, health.draining], [false, true]);
      await clock.advance(1);
      await settle();
      assert.equal(done, true);
    }
  });

  test("without servers, is shut down at once, and once", async () => {
    const health = new Health();
    const stopped = health.shutdown();
    assert.equal(health.shutdown(), stopped);
    await inTime(stopped, "the end");
    await assert.rejects(health.listen(["127.0.0.1:0"]), { code: "ALREADY_STOPPED" });
  });

  test("serves no address if one is invalid, missing or in use", async () => {
    const health = new Health();
    await assert.rejects(health.listen([]), { code: "INVALID_ADDRESS" });
    await assert.rejects(health.listen(["127.0.0.1:0", "nonsense"]), { code: "INVALID_ADDRESS" });
    const taken = createServer();
    const port = await new Promise<number>((resolve) =>
      taken.listen(0, "127.0.0.1", () => resolve(Object(taken.address()).port)),
    );
    await assert.rejects(health.listen(["127.0.0.1:0", `127.0.0.1:${port}`]), {
      code: "LISTEN_FAILED",
      message: new RegExp(`127\\.0\\.0\\.1:${port}: the address is already in use \\(EADDRINUSE\\)`),
    });
    await new Promise((resolve) => taken.close(resolve));
  });

  test("refuses invalid limits [B103]", () => {
    for (const options of [{ maxWatchers: -1 }, { listLimit: 1.5 }, { maxWatchers: Number.NaN }, { token: "" }]) {
      assert.throws(() => new Health(options), { code: "INVALID_OPTION" });
    }
  });

  test("two instances in one process are independent", () => {
    const [one, two] = [new Health({ instance: "one" }), new Health({ instance: "two" })];
    const received: Transition[] = [];
    two.onTransition((transition) => received.push(transition));
    one.set("a", "SERVING");
    assert.deepEqual([two.status("a"), received.length, one.status("a")], [undefined, 0, "SERVING"]);
  });

  test("a function check decides the services that it names", async () => {
    const clock = new VirtualClock();
    await using health = new Health({ clock });
    let broken = false;
    const check = async () => {
      if (broken) throw new Error("no database");
    };
    health.check("db", check, { interval: "10s", services: ["acme.Orders"], jitter: 0, unhealthyThreshold: 2 });
    assert.deepEqual(
      [health.status("db"), health.status("acme.Orders"), health.status("")],
      ["UNKNOWN", "UNKNOWN", "UNKNOWN"],
    );
    await clock.advance(0);
    assert.deepEqual(
      [health.status("db"), health.status("acme.Orders"), health.status("")],
      ["SERVING", "SERVING", "SERVING"],
    );
    broken = true;
    await clock.advance(10_000);
    assert.equal(health.status("acme.Orders"), "SERVING");
    await clock.advance(2_000);
    assert.deepEqual(
      [health.status("db"), health.status("acme.Orders"), health.status("")],
      ["NOT_SERVING", "NOT_SERVING", "NOT_SERVING"],
    );
  });

  test("a check that cannot be declared changes nothing", () => {
    const health = new Health();
    assert.throws(() => health.check("a", "ftp://x"), { code: "INVALID_TARGET" });
    assert.throws(() => health.check("a", "tcp://x"), { code: "INVALID_TARGET" });
    assert.throws(() => health.check("readiness", () => {}), { code: "INVALID_SERVICE_NAME" });
    assert.throws(() => health.check("a", () => {}, { interval: "1s", timeout: "1s" }), { code: "INVALID_OPTION" });
    assert.deepEqual([...health.list()], [["", "SERVING"]]);
  });
});
