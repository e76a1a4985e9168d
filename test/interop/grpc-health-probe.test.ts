/** The real grpc_health_probe: every exit code that a server can cause, and its ways to connect. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { Health, type HealthServer } from "../../src/index.js";
import { fixture } from "../conformance/wire.rows.js";
import { portOf } from "../support/port-of.js";
import { describeEngines } from "./engines.js";
import { grpcHealthProbe } from "./install.js";
import { run } from "./peers.js";

const file = (name: string): string => fileURLToPath(new URL(`../fixtures/tls/${name}`, import.meta.url));

const PATIENT = ["-connect-timeout", "10s", "-rpc-timeout", "10s"];

describeEngines("grpc_health_probe", (engine) => {
  const health = new Health();
  const directory = mkdtempSync(join(tmpdir(), "healthbridge-"));
  const socket = join(directory, "health.sock");
  let probe = "";
  let plain = "";
  let tls = "";
  let mtls = "";

  const addressOf = (server: HealthServer): string => `localhost:${portOf(server)}`;
  // a later flag wins; the probe's own second is too short for a slow day
  const ask = (...args: string[]) => run(probe, [...PATIENT, ...args]);

  before(async () => {
    probe = grpcHealthProbe();
    const identity = { cert: fixture("server.crt"), key: fixture("server.key") };
    plain = addressOf(await health.listen(["127.0.0.1:0", `unix:${socket}`], { engine }));
    tls = addressOf(await health.listen(["127.0.0.1:0"], { engine, tls: identity }));
    mtls = addressOf(
      await health.listen(["127.0.0.1:0"], { engine, tls: { ...identity, clientCa: fixture("ca.crt") } }),
    );
    health.set("up", "SERVING");
    health.set("down", "NOT_SERVING");
    health.set("unsure", "UNKNOWN");
  });
  after(async () => {
    await health.shutdown({ drainDelayMs: 0 });
    rmSync(directory, { recursive: true });
  });

  test("exit code 0: serving", async () => {
    for (const service of ["", "up", "readiness", "liveness", "startup"]) {
      const { code, stderr } = await ask("-addr", plain, "-service", service);
      assert.deepEqual([code, stderr.trim()], [0, "status: SERVING"], service);
    }
  });

  test("exit code 1: bad arguments", async () => {
    assert.equal((await ask()).code, 1);
    assert.equal((await ask("-addr", plain, "-tls-no-verify")).code, 1);
  });

  test("exit code 2: no listener, or TLS on a clear-text port", async () => {
    assert.equal((await ask("-addr", "localhost:1", "-connect-timeout", "500ms")).code, 2);
    assert.equal((await ask("-addr", plain, "-tls", "-tls-no-verify", "-connect-timeout", "500ms")).code, 2);
    assert.equal((await ask("-addr", tls, "-connect-timeout", "500ms")).code, 2);
  });

  test("exit code 3: an unknown service", async () => {
    const { code, stderr } = await ask("-addr", plain, "-service", "nobody.Knows");
    assert.equal(code, 3);
    assert.match(stderr, /code = NotFound desc = unknown service/);
  });

  test("exit code 3: a name that is too long", async () => {
    assert.equal((await ask("-addr", plain, "-service", "n".repeat(201))).code, 3);
  });

  test("exit code 4: NOT_SERVING and UNKNOWN", async () => {
    for (const [service, word] of [
      ["down", "NOT_SERVING"],
      ["unsure", "UNKNOWN"],
    ] as const) {
      const { code, stderr } = await ask("-addr", plain, "-service", service);
      assert.deepEqual([code, stderr.trim()], [4, `service unhealthy (responded with "${word}")`]);
    }
  });

  test("exit code 20: no SPIFFE source", async () => {
    const env = { SPIFFE_ENDPOINT_SOCKET: `unix://${directory}/none.sock` };
    assert.equal((await run(probe, ["-addr", tls, "-spiffe", "-connect-timeout", "500ms"], env)).code, 20);
  });

  test("over TLS, with the CA and the name checked", async () => {
    assert.equal((await ask("-addr", tls, "-tls", "-tls-ca-cert", file("ca.crt"))).code, 0);
    assert.equal((await ask("-addr", tls, "-tls", "-tls-no-verify")).code, 0);
    assert.equal(
      (await ask("-addr", tls, "-tls", "-tls-ca-cert", file("other-ca.crt"), "-connect-timeout", "500ms")).code,
      2,
    );
  });

  test("over mTLS, with the right client certificate only", async () => {
    const with_ = (name: string, ...more: string[]) =>
      ask(
        "-addr",
        mtls,
        "-tls",
        "-tls-ca-cert",
        file("ca.crt"),
        "-tls-client-cert",
        file(`${name}.crt`),
        "-tls-client-key",
        file(`${name}.key`),
        ...more,
      );
    assert.equal((await with_("client")).code, 0);
    assert.notEqual((await with_("stranger", "-connect-timeout", "500ms")).code, 0);
    assert.notEqual(
      (await ask("-addr", mtls, "-tls", "-tls-ca-cert", file("ca.crt"), "-connect-timeout", "500ms")).code,
      0,
    );
  });

  test("with -gzip", async () => {
    assert.equal((await ask("-addr", plain, "-gzip", "-service", "up")).code, 0);
    assert.equal((await ask("-addr", plain, "-gzip", "-service", "down")).code, 4);
  });

  test("over a unix socket", async () => {
    assert.equal((await ask("-addr", `unix://${socket}`)).code, 0);
  });
});
