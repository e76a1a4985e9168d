/** What a Health leaves behind: nothing, after any number of starts and ends. */
import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { createServer } from "node:http";
import { test } from "node:test";
import { gracefulShutdown, Health, type ListenOptions } from "../../src/index.js";
import { eventually } from "../support/eventually.js";
import { portOf } from "../support/port-of.js";

const open = () => ({
  resources: process.getActiveResourcesInfo().toSorted(),
  descriptors: readdirSync("/proc/self/fd").length,
  listeners: process.eventNames().map((name) => `${String(name)} ${process.listenerCount(name)}`),
});

/** Starts everything that a Health can start, asks it once in a while, and ends it. */
async function cycle(index: number, options: ListenOptions): Promise<void> {
  const health = new Health({ metrics: true, startsReady: false });
  const http = createServer();
  const shutdown = gracefulShutdown({ health, servers: [http], drainDelayMs: 0, timeoutMs: 10_000, log() {} });
  health.attach(http);
  await new Promise<void>((resolve) => http.listen(0, "127.0.0.1", resolve));
  health.check("a", () => true);
  health.heartbeat("b", { ttl: "1m" });
  health.set("c", "SERVING");
  const server = await health.listen(["127.0.0.1:0"], options);
  health.started();
  if (index % 100 === 0) await (await fetch(`http://127.0.0.1:${portOf(server)}/livez`)).text();
  if (index % 2 === 0) await shutdown.shutdown();
  else {
    http.close();
    await health.shutdown({ drainDelayMs: 0, closeTimeoutMs: 0 });
  }
  shutdown[Symbol.dispose]();
}

const KINDS = { native: 1_000, "grpc-js": 100 } as const;

for (const [engine, cycles] of Object.entries(KINDS)) {
  test(`${cycles} starts and ends leave no handle, no descriptor and no listener (engine ${engine})`, async () => {
    const options: ListenOptions = { engine: engine === "native" ? "native" : "grpc-js" };
    await cycle(0, options); // what is loaded at first use stays
    const before = open();
    for (let index = 0; index < cycles; index += 1) await cycle(index, options);
    const isAsBefore = () => {
      const { resources, descriptors, listeners } = open();
      return (
        resources.length <= before.resources.length &&
        descriptors <= before.descriptors &&
        listeners.length <= before.listeners.length
      );
    };
    // the client's own connections end a moment later
    await eventually(isAsBefore, "nothing more is open than before", 20_000).catch(() =>
      assert.deepEqual(open(), before),
    );
    assert.deepEqual(open().listeners, before.listeners);
  });
}
