/** The grpcio client of Python, on the C core. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { Health } from "../../src/index.js";
import { eventually } from "../support/eventually.js";
import { portOf } from "../support/port-of.js";
import { describeEngines } from "./engines.js";
import { pythonBin } from "./install.js";
import { Running, run } from "./peers.js";

const CLIENT = fileURLToPath(new URL("python/client.py", import.meta.url));

describeEngines("Python's grpcio", (engine) => {
  const health = new Health();
  let python = "";
  let address = "";
  const ask = async (method: string, service: string) =>
    JSON.parse((await run(python, [CLIENT, method, address, service])).stdout);

  before(async () => {
    python = join(pythonBin(), "python");
    const server = await health.listen(["127.0.0.1:0"], { engine });
    address = `127.0.0.1:${portOf(server)}`;
    health.set("a", "SERVING");
    health.set("b", "NOT_SERVING");
  });
  after(() => health.shutdown({ drainDelayMs: 0 }));

  test("Check", async () => {
    assert.deepEqual(await ask("check", "a"), { status: "SERVING" });
    assert.deepEqual(await ask("check", "b"), { status: "NOT_SERVING" });
    assert.deepEqual(await ask("check", "c"), { code: "NOT_FOUND", text: "unknown service" });
  });

  test("List", async () => {
    assert.deepEqual(await ask("list", ""), { "": "SERVING", a: "SERVING", b: "NOT_SERVING" });
  });

  test("Watch, until its deadline", async () => {
    const watch = new Running(python, [CLIENT, "watch", address, "late"]);
    try {
      await eventually(() => watch.lines.length === 1, "the first status");
      health.set("late", "SERVING");
      await eventually(() => watch.lines.length === 3, "the change, and the deadline");
      const said = watch.lines.map((line) => Object.values(JSON.parse(line))[0]);
      assert.deepEqual(said, ["SERVICE_UNKNOWN", "SERVING", "DEADLINE_EXCEEDED"]);
    } finally {
      await watch.stop();
    }
  });
});
