/** Applications of real frameworks: each answers over HTTP and gRPC from one status, and ends without a failed call. */
import assert from "node:assert/strict";
import { Agent, get } from "node:http";
import { describe, test } from "node:test";
import { Server as GrpcServer, ServerCredentials } from "@grpc/grpc-js";
import { pause } from "../../support/eventually.js";
import { GrpcPeer } from "../../support/grpc-peer.js";
import { portOf } from "../../support/port-of.js";
import { library } from "../package/packaged.js";
import { APPLICATIONS } from "./applications.js";
import { load } from "./load.js";

const { gracefulShutdown, Health } = library;

const DRAIN_DELAY_MS = 1_000;

async function ask(url: string, init: RequestInit = {}): Promise<string> {
  const response = await fetch(url, { ...init, headers: { connection: "close", ...init.headers } });
  return `${response.status} ${await response.text()}`;
}

function requestOnce(url: string, agent: Agent): Promise<string> {
  return new Promise((resolve, reject) => {
    get(url, { agent }, (response) => {
      let text = "";
      response.setEncoding("utf8").on("data", (part) => {
        text += part;
      });
      response.on("end", () => resolve(`${response.statusCode} ${text}`)).on("error", reject);
    }).on("error", reject);
  });
}

describe("an application of", () => {
  for (const [name, { start, mount }] of Object.entries(APPLICATIONS)) {
    test(`${name} answers over HTTP and gRPC, and shuts down without a failed call`, async (t) => {
      const health = new Health();
      health.set("acme.Orders", "NOT_SERVING");
      const own = await health.listen(["127.0.0.1:0"]);
      const { origin, server } = await start(health);
      const peer = new GrpcPeer(portOf(own));
      t.after(() => peer.close());
      const agent = new Agent({ keepAlive: true });
      t.after(() => agent.destroy());
      const shutdown = gracefulShutdown({
        health,
        servers: [server],
        signals: [],
        drainDelayMs: DRAIN_DELAY_MS,
        timeoutMs: 8_000,
        log: () => {},
      });
      const path = `${origin}${mount}`;
      assert.equal(await ask(`${path}/healthcheck`), "200 OK");
      assert.equal(await ask(`${path}/healthcheck/acme.Orders`), "503 NOT_SERVING");
      assert.equal(await ask(`${origin}/orders`), "200 application");
      const call = {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: '{"service":"acme.Orders"}',
      };
      assert.equal(await ask(`${path}/grpc.health.v1.Health/Check`, call), '200 {"status":"NOT_SERVING"}');
      const check = async () => String((await peer.check("")).status);
      assert.equal(await check(), "1");

      let isOver = false;
      const loads = Promise.all([
        load(
          () => isOver,
          () => requestOnce(`${origin}/orders`, agent),
          ["200 application"],
        ),
        load(() => isOver, check, ["1", "2"]),
      ]);
      await pause(100);
      const ended = shutdown.shutdown();
      const half = pause(DRAIN_DELAY_MS / 2);
      assert.equal(await ask(`${path}/healthcheck`), "503 NOT_SERVING");
      await half;
      isOver = true;
      for (const { count, failures } of await loads) {
        assert.deepEqual(failures, []);
        assert(count > 8, `${count} calls`);
      }
      await ended;
      await assert.rejects(ask(`${origin}/orders`));
    });
  }

  test("grpc-js answers on its own server, and shuts down without a failed call", async (t) => {
    const health = new Health();
    const server = new GrpcServer();
    health.addToServer(server);
    const shutdown = gracefulShutdown({
      health,
      servers: [server],
      signals: [],
      drainDelayMs: DRAIN_DELAY_MS,
      log() {},
    });
    const port = await new Promise<number>((resolve, reject) =>
      server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, bound) =>
        error === null ? resolve(bound) : reject(error),
      ),
    );
    const peer = new GrpcPeer(port);
    t.after(() => peer.close());
    const check = async () => String((await peer.check("")).status);
    let isOver = false;
    const loaded = load(() => isOver, check, ["1", "2"]);
    await pause(100);
    const ended = shutdown.shutdown();
    await pause(DRAIN_DELAY_MS / 2);
    isOver = true;
    const { count, failures } = await loaded;
    assert.deepEqual(failures, []);
    assert(count > 8);
    await ended;
  });
});
