/** The probers of kubelet itself, compiled from Kubernetes' sources, ask our servers. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { createServer as createHttp2Server } from "node:http2";
import { before, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { ENGINE_NAMES } from "../../src/core/engine-name.js";
import { Health } from "../../src/index.js";
import { freePort } from "../support/free-port.js";
import { portOf } from "../support/port-of.js";
import { kubelet } from "./peer-suites/fetch.js";
import { run } from "./peers.js";

const PROBE = fileURLToPath(new URL("../../dist/cli/grpc-health-probe.cjs", import.meta.url));

const fixture = (name: string): Buffer => readFileSync(new URL(`../fixtures/tls/${name}`, import.meta.url));

describe("the probers of kubelet", () => {
  let program = "";
  before(() => {
    program = kubelet();
  });

  /** What kubelet says of one probe. */
  const probe = async (...args: readonly string[]): Promise<string> => {
    const { code, stdout, stderr } = await run(program, [...args]);
    assert.equal(code, 0, stderr);
    return stdout.trim();
  };

  test("fail when nothing listens, over HTTP/1 only, and when an answer takes too long [K1, K2, K4]", async (t) => {
    const closed = String(await freePort());
    const { servers, ports } = await foreignServers();
    t.after(() => servers.map((server) => server.close()));
    const [refused, http1, slow] = await Promise.all([closed, ...ports].map((port) => probe("grpc", port, "", "1s")));
    assert.match(refused ?? "", /^failure: timeout: failed to connect service "127\.0\.0\.1:\d+" within 1s: /);
    assert.match(http1 ?? "", /^failure: /);
    assert.match(slow ?? "", /^failure: timeout: health rpc did not complete within 1s/);
    assert.match(await probe("http", `http://127.0.0.1:${closed}/`, "1s"), /^failure: .*connection refused/);
  });

  test("run our probe as an exec probe: exit code 0 is a success, and its text is the message", async (t) => {
    const health = new Health();
    t.after(() => health.shutdown({ drainDelayMs: 0 }));
    const port = portOf(await health.listen(["127.0.0.1:0"]));
    const exec = (service: string) =>
      probe("exec", process.execPath, PROBE, `-addr=127.0.0.1:${port}`, `-service=${service}`, "-rpc-timeout=10s");
    assert.equal(await exec("liveness"), "success: status: SERVING");
    health.drain();
    assert.equal(await exec("readiness"), 'failure: service unhealthy (responded with "NOT_SERVING")');
  });

  for (const engine of ENGINE_NAMES) {
    test(`read each status over gRPC, engine ${engine} [K3, K5]`, async (t) => {
      const health = new Health();
      t.after(() => health.shutdown({ drainDelayMs: 0 }));
      const port = String(portOf(await health.listen(["127.0.0.1:0"], { engine })));
      health.set("a", "NOT_SERVING");
      health.set("b", "UNKNOWN");
      assert.equal(await probe("grpc", port, "", "2s"), "success: service healthy");
      assert.equal(await probe("grpc", port, "readiness", "2s"), "success: service healthy");
      assert.equal(await probe("grpc", port, "a", "2s"), 'failure: service unhealthy (responded with "NOT_SERVING")');
      assert.equal(await probe("grpc", port, "b", "2s"), 'failure: service unhealthy (responded with "UNKNOWN")');
      assert.match(await probe("grpc", port, "c", "2s"), /^failure: .*code = NotFound desc = unknown service/);
      health.drain();
      assert.match(await probe("grpc", port, "readiness", "2s"), /^failure: .*"NOT_SERVING"/);
      assert.equal(await probe("grpc", port, "liveness", "2s"), "success: service healthy");
    });

    test(`need TLS on both sides or on none, and verify no certificate, engine ${engine} [K6]`, async (t) => {
      const health = new Health();
      t.after(() => health.shutdown({ drainDelayMs: 0 }));
      const tls = { cert: fixture("server.crt"), key: fixture("server.key") };
      const server = await health.listen(["127.0.0.1:0", "plain://127.0.0.1:0"], { engine, tls });
      const [secure = "", plain = ""] = server.addresses.map((address) =>
        "port" in address ? String(address.port) : "",
      );
      assert.equal(await probe("grpcs", secure, "", "2s"), "success: service healthy");
      assert.equal(await probe("grpc", plain, "", "2s"), "success: service healthy");
      const [toSecure, toPlain] = await Promise.all([probe("grpc", secure, "", "1s"), probe("grpcs", plain, "", "1s")]);
      for (const refused of [toSecure, toPlain]) assert.match(refused, /^failure: timeout: failed to connect service/);
    });

    test(`read each status over HTTP, engine ${engine} [K7]`, async (t) => {
      const health = new Health();
      t.after(() => health.shutdown({ drainDelayMs: 0 }));
      const url = `http://127.0.0.1:${portOf(await health.listen(["127.0.0.1:0"], { engine }))}`;
      health.set("a", "NOT_SERVING");
      for (const path of ["/healthcheck", "/livez", "/readyz", "/startupz"])
        assert.equal(await probe("http", `${url}${path}`, "2s"), "success: OK");
      assert.equal(
        await probe("http", `${url}/healthcheck/a`, "2s"),
        "failure: HTTP probe failed with statuscode: 503",
      );
      assert.equal(
        await probe("http", `${url}/healthcheck/b`, "2s"),
        "failure: HTTP probe failed with statuscode: 404",
      );
      health.drain();
      assert.equal(await probe("http", `${url}/readyz`, "2s"), "failure: HTTP probe failed with statuscode: 503");
      assert.equal(await probe("http", `${url}/livez`, "2s"), "success: OK");
    });
  }
});

interface Closable {
  close(): void;
}

/** Servers that are not healthbridge: one speaks HTTP/1 only, the other one never answers a call. Each has a port. */
async function foreignServers(): Promise<{ readonly servers: readonly Closable[]; readonly ports: readonly string[] }> {
  const servers = [createServer((_request, response) => response.end("OK")), createHttp2Server(() => {})];
  const ports: string[] = [];
  for (const server of servers) {
    const port = await freePort();
    await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve));
    ports.push(String(port));
  }
  return { servers, ports };
}
