/** curl: HTTP/1, HTTP/2 with prior knowledge, TLS with ALPN, and a unix socket. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { Health } from "../../src/index.js";
import { fixture } from "../conformance/wire.rows.js";
import { portOf } from "../support/port-of.js";
import { describeEngines } from "./engines.js";
import { debian } from "./install.js";
import { run } from "./peers.js";

const CA = fileURLToPath(new URL("../fixtures/tls/ca.crt", import.meta.url));

describeEngines("curl", (engine) => {
  const health = new Health();
  const directory = mkdtempSync(join(tmpdir(), "healthbridge-"));
  const socket = join(directory, "health.sock");
  let plain = 0;
  let secure = 0;

  /** The version, the status and the body of an answer. */
  const curl = async (...args: string[]): Promise<string> => {
    const { stdout } = await run(debian("curl"), ["--silent", "--write-out", " %{http_code} %{http_version}", ...args]);
    return stdout;
  };

  before(async () => {
    plain = portOf(await health.listen(["127.0.0.1:0", `unix:${socket}`], { engine }));
    secure = portOf(
      await health.listen(["127.0.0.1:0"], {
        engine,
        tls: { cert: fixture("server.crt"), key: fixture("server.key") },
      }),
    );
    health.set("down", "NOT_SERVING");
  });
  after(async () => {
    await health.shutdown({ drainDelayMs: 0 });
    rmSync(directory, { recursive: true });
  });

  test("HTTP/1.1", async () => {
    assert.equal(await curl(`http://127.0.0.1:${plain}/healthcheck`), "OK 200 1.1");
    assert.equal(await curl(`http://127.0.0.1:${plain}/healthcheck/down`), "NOT_SERVING 503 1.1");
  });

  test("a target in absolute form, as curl sends it to a proxy", async () => {
    const proxy = ["--proxy", `http://127.0.0.1:${plain}`];
    assert.equal(await curl(...proxy, "http://flower/healthcheck"), "OK 200 1.1");
    assert.equal(await curl(...proxy, "http://flower:8080/healthcheck/down?x"), "NOT_SERVING 503 1.1");
    assert.equal(await curl(...proxy, "http://[::1]/readyz/down"), "NOT_FOUND 404 1.1");
    assert.equal(await curl(...proxy, "http://flower/orders"), "NOT_FOUND 404 1.1");
  });

  test("OPTIONS of a health path and of the server as a whole", async () => {
    for (const version of ["--http1.1", "--http2-prior-knowledge"]) {
      const options = [version, "--request", "OPTIONS"];
      const number = version === "--http1.1" ? "1.1" : "2";
      assert.equal(await curl(...options, `http://127.0.0.1:${plain}/healthcheck/down`), `NOT_SERVING 503 ${number}`);
      assert.equal(await curl(...options, "--request-target", "*", `http://127.0.0.1:${plain}/`), `OK 200 ${number}`);
    }
  });

  test("HTTP/2 with prior knowledge", async () => {
    assert.equal(await curl("--http2-prior-knowledge", `http://127.0.0.1:${plain}/healthcheck`), "OK 200 2");
    assert.equal(
      await curl("--http2-prior-knowledge", "--head", "--output", "/dev/null", `http://127.0.0.1:${plain}/healthcheck`),
      " 200 2",
    );
    const json = ["--json", '{"service":"down"}', `http://127.0.0.1:${plain}/grpc.health.v1.Health/Check`];
    assert.equal(await curl("--http2-prior-knowledge", ...json), '{"status":"NOT_SERVING"} 200 2');
  });

  test("an offer to upgrade to HTTP/2 is ignored", async () => {
    assert.equal(await curl("--http2", `http://127.0.0.1:${plain}/healthcheck`), "OK 200 1.1");
  });

  test("TLS, with HTTP/2 by ALPN and without", async () => {
    assert.equal(await curl("--cacert", CA, `https://localhost:${secure}/healthcheck`), "OK 200 2");
    assert.equal(await curl("--cacert", CA, "--http1.1", `https://localhost:${secure}/healthcheck`), "OK 200 1.1");
    assert.equal(await curl("--cacert", CA, "--no-alpn", `https://localhost:${secure}/healthcheck`), "OK 200 1.1");
  });

  test("a unix socket", async () => {
    assert.equal(await curl("--unix-socket", socket, "http://localhost/healthcheck"), "OK 200 1.1");
  });
});
