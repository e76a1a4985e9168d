/** Envoy finds the instances of a service: by EDS from a static cluster, and by ADS with clusters that healthbridge names. */
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { before, describe, test } from "node:test";
import { certify, createSubject } from "../../support/certificates.js";
import { eventually, pause } from "../../support/eventually.js";
import { envoy as installedEnvoy } from "../install.js";
import { TOKEN } from "./discovery-daemon.js";
import { EnvoyReader, readerFile } from "./envoy-reader.js";
import {
  assertLeft,
  assertReturned,
  eachGetsTraffic,
  FOLLOWS_MS,
  openScene,
  testContinuity,
  testStates,
} from "./reader-contract.js";
import { withMutualTls } from "./xds-tls.js";

const WITHOUT_PANIC = "    common_lb_config: { healthy_panic_threshold: { value: 0 } }\n";

/** `npm run proof -- discovery` tries more. */
const isProof = process.env.DISCOVERY_PROOF === "1";

before(() => void installedEnvoy()); // before the backends are probed: an installation blocks their thread

for (const file of ["envoy-eds.yaml", "envoy-ads.yaml"])
  describe(`Envoy with ${file}`, () => {
    const scene = openScene<EnvoyReader>(
      async ({ directory, daemon: { discoveryPort } }) => {
        const envoy = await EnvoyReader.start(file, { directory, discoveryPort, token: TOKEN });
        await eventually(async () => (await envoy.healthOf()).size === 4, "Envoy has the instances");
        return envoy.startTraffic();
      },
      { check: "expect: { maxLatency: 400ms }" },
    );

    testStates(scene, isProof);
    if (file === "envoy-ads.yaml" && !isProof) return;
    testContinuity(scene, isProof);

    test("Envoy shows the status of each instance as EDS says it", async () => {
      const { fleet, daemon, reader } = scene();
      const [healthy, slow, drained, failing] = fleet.backends;
      assert.ok(failing && slow && drained && healthy);
      await daemon.fail(failing);
      await daemon.slow(slow, 600);
      const check = await daemon.checkOf(drained);
      await daemon.operate("drain", check);
      const expected = { [failing.port]: "UNHEALTHY", [slow.port]: "DEGRADED", [drained.port]: "DRAINING" };
      const isShown = async () => {
        const health = await reader.healthOf();
        return Object.entries(expected).every(([port, status]) => health.get(Number(port)) === status);
      };
      await eventually(isShown, `Envoy shows ${JSON.stringify(expected)}`);
      assert.equal((await reader.healthOf()).get(healthy.port), "HEALTHY");
      await daemon.operate("resume", check);
      await daemon.recover(failing);
      await daemon.recover(slow);
      await eachGetsTraffic(fleet.backends);
    });

    test("Envoy sends traffic to every instance when more than half of them fail: its panic mode", async () => {
      const { fleet, daemon, reader } = scene();
      await reader.startTraffic();
      for (const backend of fleet.backends) await daemon.fail(backend);
      await pause(FOLLOWS_MS);
      await eachGetsTraffic(fleet.backends, "each failing instance gets traffic");
      assert.ok((await reader.stat("cluster.orders.lb_healthy_panic")) > 0);
      assert.deepEqual(reader.failures, []);
      for (const backend of fleet.backends) await daemon.recover(backend);
      await eachGetsTraffic(fleet.backends);
    });
  });

describe("Envoy without its panic mode", () => {
  const scene = openScene<EnvoyReader>(async ({ directory, daemon: { discoveryPort } }) => {
    const options = { directory, discoveryPort, token: TOKEN, cluster: WITHOUT_PANIC };
    return (await EnvoyReader.start("envoy-eds.yaml", options)).startTraffic();
  });

  test("Envoy answers 503 while all instances fail, and serves again within a second", async () => {
    const { fleet, daemon, reader } = scene();
    await eachGetsTraffic(fleet.backends);
    let lastAt = 0;
    for (const backend of fleet.backends) lastAt = (await daemon.fail(backend)).at;
    for (const backend of fleet.backends) await assertLeft(backend, lastAt);
    assert.equal(reader.failures.at(-1), "503 no healthy upstream");
    const [first] = fleet.backends;
    assert.ok(first);
    await assertReturned(first, (await daemon.recover(first)).at);
  });
});

describe("Envoy with a wrong token", () => {
  const scene = openScene<EnvoyReader>(({ directory, daemon: { discoveryPort } }) =>
    EnvoyReader.start("envoy-eds.yaml", { directory, discoveryPort, token: "wrong" }),
  );

  test("Envoy gets no instance, and its log has the cause", async () => {
    const { reader } = scene();
    await eventually(() => reader.log.includes("gRPC config stream"), "Envoy logs the end of the stream");
    await pause(FOLLOWS_MS);
    assert.equal((await reader.healthOf()).size, 0);
    assert.match(reader.log, /StreamEndpoints gRPC config stream .*closed.*: 16/);
    assert.ok(!reader.log.includes("wrong"), "the token is not in the answer");
  });
});

/** The files of readers/ with the certificates of a folder; `client`: the base name of the certificate of the reader. */
function transportIn(directory: string, client: string): string {
  return readerFile("envoy-tls.yaml")
    .replaceAll("/etc/envoy/client", join(directory, client))
    .replaceAll("/etc/envoy", directory)
    .replace(/^(?!$)/gm, "    ");
}

describe("Envoy with a certificate", () => {
  const scene = openScene<EnvoyReader>(async ({ directory, daemon: { discoveryPort } }) => {
    const options = { directory, discoveryPort, transport: transportIn(directory, "client") };
    return (await EnvoyReader.start("envoy-eds.yaml", options)).startTraffic();
  }, withMutualTls);

  test("Envoy follows the instances over mutual TLS", async () => {
    const { fleet, daemon, reader } = scene();
    await eachGetsTraffic(fleet.backends);
    const [first] = fleet.backends;
    assert.ok(first);
    await assertLeft(first, (await daemon.fail(first)).at);
    await assertReturned(first, (await daemon.recover(first)).at);
    assert.ok((await reader.stat("cluster.orders.update_success")) > 0);
  });

  test("Envoy gets no instance with a certificate of another authority", async (context) => {
    const { directory, daemon } = scene();
    const stranger = createSubject("stranger");
    writeFileSync(join(directory, "stranger.pem"), certify(stranger, { hosts: ["localhost"] }));
    writeFileSync(join(directory, "stranger.key"), stranger.key);
    const transport = transportIn(directory, "stranger");
    const envoy = await EnvoyReader.start("envoy-eds.yaml", {
      directory,
      transport,
      discoveryPort: daemon.discoveryPort,
    });
    context.after(() => envoy.stop());
    const attempts = () => envoy.stat("cluster.healthbridge.upstream_cx_total");
    await eventually(async () => (await attempts()) >= 2, "Envoy tries again");
    // with TLS 1.3, each connection is up for Envoy until the server has refused its certificate
    const isRefused = async () => (await envoy.stat("cluster.orders.control_plane.connected_state")) === 0;
    await eventually(isRefused, "Envoy has no connection");
    assert.equal((await envoy.healthOf()).size, 0);
    assert.equal(await envoy.stat("cluster.orders.update_success"), 0);
  });
});
