/** HealthImplementation beside the class of grpc-health-check: the same three calls, asked by the same client. */
import assert from "node:assert/strict";
import { describe, type TestContext, test } from "node:test";
import { promisify } from "node:util";
import { Server, ServerCredentials } from "@grpc/grpc-js";
import { HealthImplementation as Theirs } from "grpc-health-check";
import { HealthImplementation as Ours } from "../../src/index.js";
import { GrpcPeer } from "../support/grpc-peer.js";

const CLASSES = { ours: Ours, theirs: Theirs };

async function serve(t: TestContext, health: Ours | Theirs): Promise<GrpcPeer> {
  const server = new Server();
  health.addToServer(server);
  const bind = promisify(server.bindAsync.bind(server));
  const peer = new GrpcPeer(await bind("127.0.0.1:0", ServerCredentials.createInsecure()));
  t.after(() => {
    peer.close();
    server.forceShutdown();
  });
  return peer;
}

for (const [whose, HealthImplementation] of Object.entries(CLASSES)) {
  describe(`HealthImplementation, ${whose}`, () => {
    test("starts empty: every name is unknown, also the server as a whole", async (t) => {
      const peer = await serve(t, new HealthImplementation());
      assert.equal((await peer.check("")).code, 5);
      assert.equal((await peer.check("a")).code, 5);
      await peer.watch("").saw(3);
    });

    test("starts with the services of its map, and changes them", async (t) => {
      const health = new HealthImplementation({ "": "SERVING", a: "NOT_SERVING" });
      const peer = await serve(t, health);
      assert.deepEqual([(await peer.check("")).status, (await peer.check("a")).status], [1, 2]);
      const watch = peer.watch("a");
      await watch.saw(2);
      health.setStatus("a", "SERVING");
      await watch.saw(2, 1);
      health.setStatus("b", "UNKNOWN");
      assert.equal((await peer.check("b")).status, 0);
    });
  });
}

describe("HealthImplementation, ours", () => {
  test("can do what a Health can", async () => {
    const health = new Ours({ "": "SERVING", a: "SERVING" });
    assert.equal(health.clear(""), true);
    assert.equal(health.status(""), undefined);
    health.drain();
    assert.deepEqual([health.status(""), health.status("a")], [undefined, "NOT_SERVING"]);
    health.resume();
    assert.deepEqual([...health.list()], [["a", "SERVING"]]);
    health.set("", "SERVING");
    assert.equal((await health.fetch(new Request("http://a/readyz"))).status, 200);
    await health.shutdown({ drainDelayMs: 0 });
  });

  test("refuses a status that does not exist", () => {
    assert.throws(() => Reflect.construct(Ours, [{ a: "OK" }]), { code: "INVALID_STATUS" });
  });
});
