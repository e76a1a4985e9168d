/** `healthbridge list`, against servers of every kind; and the flags that it shares with `watch`. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer as createHttp } from "node:http";
import { type AddressInfo, createServer as createTcp } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, type TestContext, test } from "node:test";
import { fileURLToPath } from "node:url";

import { Health } from "../../../src/index.js";
import { portOf } from "../../support/port-of.js";
import { run } from "../program.js";
import { servePackaged } from "./packaged-health.js";
import { MAIN, PseudoTerminal } from "./pseudo-terminal.js";
import { ScriptedHealth } from "./scripted-health.js";

const pem = (name: string) => fileURLToPath(new URL(`../../fixtures/tls/${name}`, import.meta.url));
const tls = { cert: readFileSync(pem("server.crt")), key: readFileSync(pem("server.key")) };

async function listening(t: TestContext, health: Health, options = {}): Promise<string> {
  const server = await health.listen(["127.0.0.1:0"], options);
  t.after(() => health.shutdown());
  return `127.0.0.1:${portOf(server)}`;
}

async function scripted(t: TestContext): Promise<ScriptedHealth> {
  const server = await new ScriptedHealth().listen();
  t.after(() => server.kill());
  return server;
}

describe("list", { concurrency: 2 }, () => {
  test("shows the services of healthbridge, with since and reason", async (t) => {
    const health = new Health();
    health.set("acme.orders", "SERVING");
    health.check("db", () => Promise.reject(new Error("x")), { interval: "1h" });
    const address = await listening(t, health);
    const { code, stdout, stderr } = await run("list", address);
    assert.deepEqual([code, stderr], [0, ""]);
    const lines = stdout
      .replaceAll(/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ/g, "TIME")
      .trimEnd()
      .split("\n");
    assert.deepEqual(
      lines.map((line) => line.split(/ {2,}/)),
      [
        ["SERVICE", "STATUS", "SINCE", "REASON"],
        ["(overall)", "NOT_SERVING", "TIME", "error"],
        ["acme.orders", "SERVING", "TIME"],
        ["db", "NOT_SERVING", "TIME", "error"],
      ],
    );
    const json = await run("list", address, "--json");
    const objects = json.stdout
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line));
    assert.deepEqual(
      objects.map(({ since, ...rest }) => ({ ...rest, since: new Date(since).toISOString() === since })),
      [
        { addr: address, service: "", status: "NOT_SERVING", reason: "error", degraded: false, since: true },
        { addr: address, service: "acme.orders", status: "SERVING", reason: null, degraded: false, since: true },
        { addr: address, service: "db", status: "NOT_SERVING", reason: "error", degraded: false, since: true },
      ],
    );
  });

  test("shows the services of another server, without columns that it cannot fill", async (t) => {
    const { address } = await servePackaged(t, { "": "SERVING", "acme.Orders": "NOT_SERVING" });
    const stdout = "SERVICE      STATUS\n(overall)    SERVING\nacme.Orders  NOT_SERVING\n";
    assert.deepEqual(await run("list", address), { code: 0, stdout, stderr: "" });
  });

  test("2,000 services of healthbridge have their details, and those that are not SERVING come first", async (t) => {
    const health = new Health();
    for (let index = 0; index < 3_000; index += 1) health.set(`s${index}`, index < 2_900 ? "SERVING" : "NOT_SERVING");
    const { stdout } = await run("list", await listening(t, health), "--json");
    const objects = stdout
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line));
    assert.equal(objects.length, 3_001);
    const detailed = objects.filter(({ since }) => since !== null);
    assert.ok(detailed.length >= 2_000, String(detailed.length));
    assert.equal(detailed.filter(({ status }) => status === "NOT_SERVING").length, 100);
  });

  test("a server with no service says so", async (t) => {
    const server = await scripted(t);
    server.statuses.clear();
    const expected = { code: 0, stdout: "the server lists no service\n", stderr: "" };
    assert.deepEqual(await run("list", server.address), expected);
  });

  test("a token gives the details, and without it there is no list", async (t) => {
    const health = new Health({ token: "s3cret-token" });
    health.set("acme.orders", "SERVING");
    const address = await listening(t, health);
    const { code, stderr } = await run("list", address);
    assert.equal(code, 3);
    assert.match(stderr, /: List failed: (?:UNAUTHENTICATED|PERMISSION_DENIED)/);
    const { stdout } = await run("list", address, "--rpc-header", "authorization: Bearer s3cret-token");
    assert.match(stdout, /acme\.orders {2}SERVING {2}\d{4}-/);
  });

  test("TLS, a Unix socket and an authority are those of probe", async (t) => {
    const health = new Health();
    const address = await listening(t, health, { tls });
    const ca = ["--tls", "--tls-ca-cert", pem("ca.crt")];
    assert.match(
      (await run("list", address, ...ca, "--tls-server-name", "localhost")).stdout,
      /\(overall\) {2}SERVING/,
    );
    const oneDash = await run("list", address, "-tls", "-tls-no-verify=true");
    assert.match(oneDash.stderr + oneDash.stdout, /takes no value|SERVING/);
    assert.match((await run("list", address, "-tls", "-tls-no-verify")).stdout, /SERVING/);
    assert.match((await run("list", address)).stderr, /the server may require TLS: try -tls/);
    const folder = mkdtempSync(join(tmpdir(), "list-"));
    t.after(() => rmSync(folder, { recursive: true }));
    const other = new Health();
    await other.listen([`unix:${folder}/h.sock`]);
    t.after(() => other.shutdown());
    assert.match(
      (await run("list", `unix:${folder}/h.sock`, "--authority", "orders")).stdout,
      /\(overall\) {2}SERVING {2}\d/,
    );
  });

  test("names of services control no terminal", async (t) => {
    const server = await scripted(t);
    server.statuses.set("\u001b[2J\r\nevil", "SERVING");
    const { stdout } = await run("list", server.address);
    assert.match(stdout, /^\\u\{1b\}\[2J\\u\{d\}\\u\{a\}evil {2}SERVING$/m);
  });

  test("is coloured on a terminal, unless NO_COLOR is set", async (t) => {
    const server = await scripted(t);
    for (const [env, renditions] of [
      [{}, ["1", "0", "32"]],
      [{ NO_COLOR: "1" }, []],
      [{ TERM: "dumb" }, []],
    ] as const) {
      const terminal = new PseudoTerminal([process.execPath, MAIN, "list", server.address], { env });
      t.after(() => terminal.close());
      assert.equal(await terminal.end(), 0);
      assert.deepEqual([...terminal.screen.renditions], renditions);
    }
  });
});

describe("list fails with one line and code 3", { concurrency: 2 }, () => {
  const failures: readonly (readonly [string, (server: ScriptedHealth) => void, RegExp])[] = [
    [
      "without List",
      (server) => {
        server.methods = ["Check", "Watch"];
      },
      /the server has no List, so its services are not known/,
    ],
    [
      "without a health service",
      (server) => {
        server.methods = [];
      },
      /the server has no health service \(grpc\.health\.v1\.Health\)/,
    ],
    [
      "for too many services",
      (server) => server.failures.set("List", "RESOURCE_EXHAUSTED"),
      /List failed: RESOURCE_EXHAUSTED$/,
    ],
    ["that is silent", (server) => server.failures.set("List", "silence"), /List: no answer within 1s$/],
  ];
  for (const [kind, prepare, text] of failures)
    test(`a server ${kind}`, async (t) => {
      const server = await scripted(t);
      prepare(server);
      const { code, stdout, stderr } = await run("list", server.address);
      assert.deepEqual([code, stdout], [3, ""]);
      assert.match(stderr.trimEnd(), text);
      assert.match(stderr, /^healthbridge: 127\.0\.0\.1:\d+: [^\n]*\n$/);
    });

  test("a port that is closed, HTTP/1, and a silent port", async (t) => {
    const http = createHttp((_, response) => response.end("OK")).listen(0, "127.0.0.1");
    const silent = createTcp(() => {}).listen(0, "127.0.0.1");
    t.after(() => [http.close(), silent.close()]);
    await Promise.all([http, silent].map((server) => server.listening || once(server, "listening")));
    const portOfServer = (server: { address(): unknown }) => (server.address() as AddressInfo).port;
    for (const [port, text] of [
      [1, /the target refused the connection/],
      [portOfServer(http), /HTTP\/1/],
      [portOfServer(silent), /no connection within 200ms/],
    ] as const) {
      const { code, stderr } = await run("list", `127.0.0.1:${port}`, "--connect-timeout", "200ms");
      assert.equal(code, 3);
      assert.match(stderr, text);
    }
  });
});

describe("list and watch refuse with one line and code 2", { concurrency: 2 }, () => {
  const refused: readonly (readonly [readonly string[], string])[] = [
    [["list"], "the address of a server is missing: healthbridge list ADDR"],
    [["watch"], "the address of a server is missing: healthbridge watch ADDR"],
    [["list", ":1", "a"], 'unexpected argument "a"'],
    [["list", "localhost"], "address localhost: missing port in address; expected HOST:PORT, :PORT or unix:/PATH"],
    [["watch", ":99999"], "address 99999: invalid port; expected HOST:PORT, :PORT or unix:/PATH"],
    [["list", ":1", "--tls-ca-cert", "x"], "specified --tls-ca-cert without specifying --tls"],
    [["watch", ":1", "--connect-timeout", "5"], 'invalid value "5" for flag --connect-timeout: parse error'],
    [["watch", ":1", "--rpc-timeout", "0s"], "--rpc-timeout must be greater than zero (specified: 0s)"],
    [
      ["list", ":1", "--rpc-header", "s3cret"],
      'invalid value "***" for flag --rpc-header: invalid RPC header, expected \'key: value\', got "***"',
    ],
    [["watch", ":1", "--interval", "1ms"], '--interval: "1ms" is not a duration from 100ms to 1h (try 500ms, 2s)'],
    [["watch", ":1", "--jsn"], "unknown flag --jsn; did you mean --json?"],
    [["list", ""], "an argument is empty: expected ADDR"],
    [["watch", ":1", ""], "an argument is empty: expected ADDR [SERVICE...]; --overall is the server as a whole"],
  ];
  for (const [args, text] of refused)
    test(`healthbridge ${args.join(" ")}`, async () => {
      assert.deepEqual(await run(...args), { code: 2, stdout: "", stderr: `healthbridge: ${text}\n` });
    });
});
