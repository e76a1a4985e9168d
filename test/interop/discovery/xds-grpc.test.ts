/**
 * gRPC clients find the instances of a service as `xds:///orders`: grpc-js, and grpc-go in `npm run proof -- discovery` (its
 * build takes minutes).
 */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { eventually, pause } from "../../support/eventually.js";
import { startGrpcReader } from "./grpc-reader.js";
import { assertReturned, eachGetsTraffic, FOLLOWS_MS, openScene, testReader } from "./reader-contract.js";
import type { ProgramTraffic } from "./traffic.js";

const CLIENTS = process.env.DISCOVERY_PROOF === "1" ? (["grpc-js", "grpc-go"] as const) : (["grpc-js"] as const);

for (const client of CLIENTS) {
  describe(`${client} with xds:///orders`, () => {
    const scene = openScene<ProgramTraffic>(
      async ({ directory, fleet, daemon: { discoveryPort } }) => {
        const reader = startGrpcReader(client, { directory, discoveryPort });
        await eachGetsTraffic(fleet.backends);
        return reader;
      },
      { withToken: false },
    );

    testReader(scene);

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

    test("calls fail, and say that the token is missing", async () => {
      const { fleet, reader } = scene();
      await eventually(() => reader.failures.length > 0, "a call fails");
      await pause(FOLLOWS_MS);
      assert.ok(fleet.backends.every(({ hits }) => hits.length === 0));
      console.log(reader.failures.slice(-3), reader.states);
    });
  });
}
