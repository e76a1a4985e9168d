/**
 * A grpc-js that cannot check health: the policy is its round_robin, and a warning says so. Older versions of grpc-js are
 * in the interop suite.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import * as grpc from "@grpc/grpc-js";
import { HealthError } from "../../../src/core/health-error.js";
import { registerHealthChecking } from "../../../src/grpc-js.js";
import { eventually } from "../../support/eventually.js";
import { Backend, EchoClient } from "./backends.js";

/** The installed version without something that 1.14 has added. */
const older = { ...grpc, experimental: { ...grpc.experimental, statusOrFromValue: undefined } };

test("calls go to all backends in turn, no Watch is called, and one warning says so", async (t) => {
  const warnings: Error[] = [];
  const onWarning = (warning: Error) => void warnings.push(warning);
  process.on("warning", onWarning);
  t.after(() => process.off("warning", onWarning));
  assert.equal(registerHealthChecking(older), false);
  assert.equal(registerHealthChecking(older), false);
  const backends = [await Backend.start(t, { status: "NOT_SERVING" }), await Backend.start(t)];
  const client = new EchoClient(t, backends);
  await eventually(async () => {
    assert.deepEqual(await client.calls(2), []);
    return backends.every(({ calls }) => calls > 0);
  }, "both backends get calls");
  assert.ok(backends.every(({ asked }) => asked.length === 0));
  const ours = warnings.filter(({ name }) => name === "HealthbridgeWarning");
  assert.deepEqual(
    ours.map(({ message }) => message),
    [
      "the installed @grpc/grpc-js cannot check health: healthbridge_round_robin is round_robin. Version 1.14 or later is needed",
    ],
  );
});

test("what is not grpc-js is refused", () => {
  const isRefused = (error: unknown) =>
    error instanceof HealthError && error.code === "INCOMPATIBLE_DEPENDENCY" && /@grpc\/grpc-js/.test(error.message);
  for (const module of [{ experimental: {} }, { experimental: { ...grpc.experimental, registerLoadBalancerType: 1 } }])
    assert.throws(() => registerHealthChecking(module), isRefused);
  // callers without types
  for (const module of [{}, undefined, null, "grpc"])
    assert.throws(() => registerHealthChecking(module as never), isRefused);
});
