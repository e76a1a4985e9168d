/** The real grpcurl: by reflection, and by our proto file. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { Health } from "../../src/index.js";
import { eventually } from "../support/eventually.js";
import { portOf } from "../support/port-of.js";
import { describeEngines } from "./engines.js";
import { grpcurl } from "./install.js";
import { Running, run } from "./peers.js";

const PROTO = fileURLToPath(new URL("../../proto", import.meta.url));

describeEngines("grpcurl", (engine) => {
  const health = new Health();
  let program = "";
  let address = "";
  const ask = (...args: string[]) => run(program, ["-plaintext", ...args]);

  before(async () => {
    program = grpcurl();
    const server = await health.listen(["127.0.0.1:0"], { engine });
    address = `127.0.0.1:${portOf(server)}`;
    health.set("a.B", "SERVING");
  });
  after(() => health.shutdown({ drainDelayMs: 0 }));

  test("lists the service by reflection", async () => {
    assert.match((await ask(address, "list")).stdout, /^grpc\.health\.v1\.Health$/m);
  });

  test("describes it", async () => {
    const { stdout } = await ask(address, "describe", "grpc.health.v1.Health");
    for (const method of ["Check", "List", "Watch"]) assert.match(stdout, new RegExp(`rpc ${method} \\(`));
  });

  test("asks Check and List by reflection", async () => {
    const check = await ask("-d", '{"service":"a.B"}', address, "grpc.health.v1.Health/Check");
    assert.deepEqual(JSON.parse(check.stdout), { status: "SERVING" });
    const list = await ask(address, "grpc.health.v1.Health/List");
    assert.deepEqual(JSON.parse(list.stdout).statuses["a.B"], { status: "SERVING" });
  });

  test("asks Check by our proto file, without reflection", async () => {
    const args = ["-import-path", PROTO, "-proto", "grpc/health/v1/health.proto"];
    const known = await ask(...args, "-d", '{"service":"a.B"}', address, "grpc.health.v1.Health/Check");
    assert.deepEqual(JSON.parse(known.stdout), { status: "SERVING" });
    const unknown = await ask(...args, "-d", '{"service":"x"}', address, "grpc.health.v1.Health/Check");
    assert.match(unknown.stderr, /Code: NotFound\s+Message: unknown service/);
  });

  test("watches a change", async () => {
    const watch = new Running(program, [
      "-plaintext",
      "-d",
      '{"service":"a.B"}',
      address,
      "grpc.health.v1.Health/Watch",
    ]);
    try {
      await eventually(() => watch.output.includes('"SERVING"'), "the first status");
      health.set("a.B", "NOT_SERVING");
      await eventually(() => watch.output.includes('"NOT_SERVING"'), "the change");
    } finally {
      await watch.stop();
      health.set("a.B", "SERVING");
    }
  });
});
