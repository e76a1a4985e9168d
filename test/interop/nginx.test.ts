/** The HTTP prober against nginx: content codings, charsets, redirects, HTTP/2 by both ways, and a Unix socket. */
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import type { ProberOptions } from "../../src/probers/options.js";
import { openTarget, systemDeps } from "../../src/probers/schemes.js";
import { probe, verdict } from "../probers/probing.js";
import { freePort } from "../support/free-port.js";
import { debian } from "./install.js";
import { accepting, Running } from "./peers.js";

const fixture = (name: string) => fileURLToPath(new URL(`../fixtures/tls/${name}`, import.meta.url));

describe("nginx", () => {
  const directory = mkdtempSync(join(tmpdir(), "healthbridge-nginx-"));
  const socket = join(directory, "nginx.sock");
  let running: Running | undefined;
  let plain = 0;
  let http2 = 0;
  let secure = 0;

  const verdictOf = async (url: string, options: ProberOptions = {}): Promise<string> => {
    const prober = openTarget(url, systemDeps(), options);
    try {
      // twice: the second probe uses the kept connection
      const first = await verdict(prober);
      assert.equal(await verdict(prober), first);
      return first;
    } finally {
      prober.close();
    }
  };

  before(async () => {
    const nginx = debian("nginx", "nginx-light");
    [plain, http2, secure] = [await freePort(), await freePort(), await freePort()];
    const root = join(directory, "root");
    mkdirSync(root);
    writeFileSync(join(root, "up.json"), `{"status":"up","padding":"${"x".repeat(3_000)}"}`);
    writeFileSync(join(root, "latin1.txt"), Buffer.from("läuft", "latin1"));
    const paths = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map((name) => `${name}_temp_path ${directory};`);
    const config = `
daemon off; master_process off; pid ${directory}/pid; error_log stderr;
events {}
http {
  access_log off; ${paths.join(" ")}
  types { application/json json; text/plain txt; }
  server {
    listen 127.0.0.1:${plain}; listen unix:${socket};
    listen 127.0.0.1:${http2} http2; listen 127.0.0.1:${secure} ssl http2;
    ssl_certificate ${fixture("server.crt")}; ssl_certificate_key ${fixture("server.key")};
    root ${root};
    gzip on; gzip_types application/json;
    location /latin1.txt { charset iso-8859-1; add_header X-State down; add_header X-State up; }
    location = / { return 302 /up.json; }
    location /away { return 302 http://elsewhere.invalid/; }
    location /loop { return 307 /loop; }
  }
}`;
    writeFileSync(join(directory, "nginx.conf"), config);
    running = new Running(nginx, ["-p", directory, "-e", "stderr", "-c", join(directory, "nginx.conf")]);
    for (const port of [plain, http2, secure]) await accepting(port, 20_000);
  });
  after(async () => {
    await running?.stop();
    rmSync(directory, { recursive: true });
  });

  const json = { json: { status: "up" }, headers: { "content-type": "application/json" } } as const;

  test("identity is asked for; a body that is gzipped because a header asks for it is decoded", async () => {
    const url = `http://127.0.0.1:${plain}/up.json`;
    assert.equal(await verdictOf(url, { expect: { ...json, headers: { "content-encoding": null } } }), "pass");
    const headers = { "accept-encoding": "gzip" };
    assert.equal(
      await verdictOf(url, { headers, expect: { ...json, headers: { "content-encoding": "gzip" } } }),
      "pass",
    );
  });

  test("a charset and a repeated header are read", async () => {
    const expect = { body: "läuft", headers: { "content-type": "text/plain", "x-state": "up" } };
    assert.equal(await verdictOf(`http://127.0.0.1:${plain}/latin1.txt`, { expect }), "pass");
  });

  test("redirects to the same server are followed, others are not", async () => {
    const following = { followRedirects: "same-origin" } as const;
    assert.equal(await verdictOf(`http://127.0.0.1:${plain}/`), "fail redirect");
    assert.equal(await verdictOf(`http://127.0.0.1:${plain}/`, { ...following, expect: json }), "pass");
    for (const path of ["away", "loop"])
      assert.equal(await verdictOf(`http://127.0.0.1:${plain}/${path}`, following), "fail redirect");
  });

  test("HTTP/2 with prior knowledge and by ALPN, with HEAD too", async () => {
    const options = { http2: "prior-knowledge", followRedirects: "same-origin" } as const;
    assert.equal(await verdictOf(`http://127.0.0.1:${http2}/`, { ...options, expect: json }), "pass");
    assert.equal(await verdictOf(`http://127.0.0.1:${http2}/up.json`, { ...options, method: "HEAD" }), "pass");
    const tls = { ca: readFileSync(fixture("ca.crt"), "utf8"), serverName: "localhost" };
    assert.equal(await verdictOf(`https://127.0.0.1:${secure}/up.json`, { http2: true, tls, expect: json }), "pass");
    assert.equal(await verdictOf(`https://127.0.0.1:${secure}/up.json`, { tls, expect: json }), "pass");
    const prober = openTarget(`http://127.0.0.1:${plain}/up.json`, systemDeps(), { http2: "prior-knowledge" });
    const { reason } = await probe(prober);
    prober.close();
    assert.equal(reason, "protocol", "this port speaks HTTP/1.1 only");
  });

  test("a Unix socket", async () => {
    const url = `http+unix://${encodeURIComponent(socket)}/`;
    assert.equal(await verdictOf(`${url}up.json`, { expect: json }), "pass");
    assert.equal(await verdictOf(url, { followRedirects: "same-origin", expect: json }), "pass");
  });

  test("a method that nginx does not allow is answered with 405", async () => {
    const url = `http://127.0.0.1:${plain}/up.json`;
    assert.equal(await verdictOf(url, { method: "POST", body: "{}" }), "fail status");
    assert.equal(await verdictOf(url, { method: "POST", body: "{}", expect: { status: [405] } }), "pass");
  });
});
