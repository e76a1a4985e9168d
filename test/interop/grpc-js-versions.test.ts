/** The policy in versions of grpc-js: health is checked with 1.14, and older ones have round_robin under its name. */
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import type * as grpc from "@grpc/grpc-js";
import { registerHealthChecking } from "../../src/grpc-js.js";
import { Backend } from "../client/policy/backends.js";
import { eventually } from "../support/eventually.js";
import { grpcJs } from "./npm-packages.js";

const VERSIONS: readonly (readonly [version: string, checksHealth: boolean])[] = [
  ["1.14.0", true],
  ["1.13.4", false],
  ["1.12.6", false],
  ["1.10.11", false],
  ["1.9.15", false],
  ["1.8.22", false],
];

const asIs = (bytes: Buffer): Buffer => bytes;

/** Makes calls on a channel of that version, and returns how many failed. */
function caller(t: TestContext, { Client, credentials }: typeof grpc, backends: readonly Backend[]) {
  const client = new Client(
    `ipv4:${backends.map(({ port }) => `127.0.0.1:${port}`).join()}`,
    credentials.createInsecure(),
    {
      "grpc.service_config": JSON.stringify({
        loadBalancingConfig: [{ healthbridge_round_robin: { serviceName: "acme.Orders" } }],
      }),
    },
  );
  t.after(() => client.close());
  const call = () =>
    new Promise<boolean>((resolve) => {
      client.makeUnaryRequest("/acme.Echo/Call", asIs, asIs, Buffer.alloc(0), (error) => resolve(error === null));
    });
  return async (count: number) => {
    let failed = 0;
    for (let at = 0; at < count; at += 1) if (!(await call())) failed += 1;
    return failed;
  };
}

for (const [version, checksHealth] of VERSIONS)
  test(`grpc-js ${version} ${checksHealth ? "checks health" : "has round_robin"}`, async (t) => {
    // a parse boundary: what the test uses is the same in all versions
    const module = grpcJs(version) as typeof grpc;
    assert.equal(registerHealthChecking(module), checksHealth);
    const [down, up] = [await Backend.start(t, { status: "NOT_SERVING" }), await Backend.start(t)];
    const calls = caller(t, module, [down, up]);
    await eventually(async () => (await calls(2)) === 0 && up.calls > 0 && (checksHealth || down.calls > 0), "calls");
    const before = down.calls;
    assert.equal(await calls(20), 0);
    assert.equal(down.calls - before, checksHealth ? 0 : 10);
    assert.equal(down.asked.length, checksHealth ? 1 : 0);
  });
