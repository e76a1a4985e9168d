/**
 * gRPC clients find the instances of a service as `xds:///orders`: grpc-js, and grpc-go in `npm run proof -- discovery` (its
 * build takes minutes).
 */
import assert from "node:assert/strict";
import { before, describe, test } from "node:test";
import { eventually, pause } from "../../support/eventually.js";
import { GRPC_CLIENTS, startGrpcReader } from "./grpc-reader.js";
import {
  assertLeft,
  assertReturned,
  eachGetsTraffic,
  FOLLOWS_MS,
  openScene,
  testContinuity,
  testStates,
} from "./reader-contract.js";
import type { ProgramTraffic } from "./traffic.js";
import { withMutualTls } from "./xds-tls.js";

const isProof = process.env.DISCOVERY_PROOF === "1";

const CLIENTS = isProof ? (["grpc-js", "grpc-go"] as const) : (["grpc-js"] as const);

/** Whether a failed call has the status of the xDS stream. */
const TELLS_CAUSE = { "grpc-js": false, "grpc-go": true };

before(() => {
  // before the backends are probed: an installation blocks their thread
  for (const client of CLIENTS) GRPC_CLIENTS[client]();
});

for (const client of CLIENTS) {
  describe(`${client} with xds:///orders`, () => {
    const scene = openScene<ProgramTraffic>(
      async ({ directory, fleet, daemon: { discoveryPort } }) => {
        const reader = startGrpcReader(client, { directory, discoveryPort });
        await eachGetsTraffic(fleet.backends);
        return reader.forgetFailures();
      },
      { withToken: false },
    );

    testStates(scene, isProof);
    testContinuity(scene, isProof);

    test("calls fail with UNAVAILABLE while all instances fail, and succeed within a second after one recovers", async () => {
      const { fleet, daemon, reader } = scene();
      for (const backend of fleet.backends) await daemon.fail(backend);
      await pause(FOLLOWS_MS);
      const count = reader.failures.length;
      await eventually(() => reader.failures.length > count + 10, "calls fail");
      assert.match(reader.failures.at(-1) ?? "", /^failed (UNAVAILABLE|Unavailable) /);
      const [first] = fleet.backends;
      assert.ok(first);
      await assertReturned(first, (await daemon.recover(first)).at);
    });
  });

  describe(`${client} without the token`, () => {
    const scene = openScene<ProgramTraffic>(async ({ directory, daemon: { discoveryPort } }) =>
      startGrpcReader(client, { directory, discoveryPort }),
    );

    test(`calls fail, and ${TELLS_CAUSE[client] ? "name the cause" : "the channel is in TRANSIENT_FAILURE"}`, async () => {
      const { fleet, reader } = scene();
      const cause = "code = Unauthenticated desc = a token is needed";
      const isTold = () => TELLS_CAUSE[client] === (reader.failures.at(-1) ?? "").includes(cause);
      await eventually(() => reader.states.includes("TRANSIENT_FAILURE") && isTold(), "calls fail");
      assert.ok(fleet.backends.every(({ hits }) => hits.length === 0));
    });
  });
}

if (isProof)
  describe("grpc-go with a certificate", () => {
    const scene = openScene<ProgramTraffic>(async ({ directory, daemon: { discoveryPort } }) => {
      const edit = (text: string) => text.replaceAll("/etc/orders", directory);
      return startGrpcReader("grpc-go", { directory, discoveryPort, bootstrap: "grpc-bootstrap-mtls.json", edit });
    }, withMutualTls);

    test("grpc-go follows the instances over mutual TLS", async () => {
      const { fleet, daemon, reader } = scene();
      await eachGetsTraffic(fleet.backends);
      const [first] = fleet.backends;
      assert.ok(first);
      await assertLeft(first, (await daemon.fail(first)).at);
      await assertReturned(first, (await daemon.recover(first)).at);
      assert.deepEqual(reader.failures, []);
    });
  });
