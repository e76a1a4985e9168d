/** A grpc-go client with health checks of its own: traffic follows the statuses. */
import assert from "node:assert/strict";
import { before, test } from "node:test";
import type { EngineName } from "../../src/core/engine-name.js";
import { Health } from "../../src/index.js";
import { eventually } from "../support/eventually.js";
import { portOf } from "../support/port-of.js";
import { describeEngines } from "./engines.js";
import { goClient } from "./install.js";
import { Running } from "./peers.js";

async function backend(engine: EngineName): Promise<{ health: Health; address: string }> {
  const health = new Health();
  const server = await health.listen(["127.0.0.1:0"], { engine });
  return { health, address: `127.0.0.1:${portOf(server)}` };
}

describeEngines("grpc-go", (engine) => {
  let client = "";
  before(() => {
    client = goClient();
  });

  test("the channel's state follows each status [A55]", async () => {
    const { health, address } = await backend(engine);
    health.set("app", "NOT_SERVING");
    const watched = new Running(client, ["states", "app", address]);
    const last = (state: string) => eventually(() => watched.lines.at(-1) === state, `${state} (${watched.lines})`);
    try {
      await last("TRANSIENT_FAILURE");
      health.set("app", "SERVING");
      await last("READY");
      health.clear("app"); // SERVICE_UNKNOWN
      await last("TRANSIENT_FAILURE");
      health.set("app", "SERVING");
      await last("READY");
      health.set("app", "UNKNOWN");
      await last("TRANSIENT_FAILURE");
    } finally {
      await watched.stop();
      await health.shutdown({ drainDelayMs: 0 });
    }
  });

  test("traffic leaves a backend that is NOT_SERVING, and returns", async () => {
    const [one, two] = [await backend(engine), await backend(engine)];
    for (const { health } of [one, two]) health.set("app", "SERVING");
    const calls = new Running(client, ["traffic", "app", one.address, two.address]);
    const recent = () => new Set(calls.lines.slice(-20));
    try {
      await eventually(() => recent().size === 2, "both answer");
      one.health.set("app", "NOT_SERVING");
      await eventually(() => recent().size === 1 && recent().has(`from ${two.address}`), "the second alone answers");
      one.health.set("app", "SERVING");
      await eventually(() => recent().size === 2, "both answer again");
      two.health.drain();
      await eventually(() => recent().size === 1 && recent().has(`from ${one.address}`), "the first alone answers");
      assert.ok(!calls.output.includes("error"), "no call failed");
    } finally {
      await calls.stop();
      for (const { health } of [one, two]) await health.shutdown({ drainDelayMs: 0 });
    }
  });
});
