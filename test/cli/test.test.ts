/** `healthbridge test` as a program: what it shows of each kind of target, its exit codes, and that it leaves nothing behind. */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer as createHttps } from "node:https";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, type TestContext, test } from "node:test";
import { TLSSocket } from "node:tls";
import { fileURLToPath } from "node:url";
import { DESCRIBED_SCHEMES } from "../../src/cli/test-expectation.js";
import type { TestReport } from "../../src/cli/test-report.js";
import { testCheck } from "../../src/cli/test-run.js";
import { ProberError } from "../../src/probers/prober.js";
import { SCHEMES } from "../../src/probers/schemes.js";
import { FAKE_SERVERS } from "../probers/fake-servers.js";
import { httpTarget, rawTarget, silentTarget, Target } from "../probers/targets.js";
import { eventually, inTime } from "../support/eventually.js";
import { tableOf } from "../support/readme.js";
import { VALUES } from "../support/reserved-values.js";
import { type Ended, run } from "./program.js";

const fixture = (file: string) => fileURLToPath(new URL(`../fixtures/tls/${file}`, import.meta.url));
const identity = (name = "server") => ({
  cert: readFileSync(fixture(`${name}.crt`)),
  key: readFileSync(fixture(`${name}.key`)),
});

/** Writes a configuration, and returns its name. */
function file(t: TestContext, content: object | string): string {
  const folder = mkdtempSync(join(tmpdir(), "healthbridge-test-"));
  t.after(() => rmSync(folder, { recursive: true }));
  const path = join(folder, "healthbridge.yaml");
  writeFileSync(path, typeof content === "string" ? content : JSON.stringify(content));
  return path;
}

const testing = (...args: string[]): Promise<Ended> => run("test", ...args);

async function reporting(...args: string[]): Promise<TestReport> {
  const { stdout } = await testing("--json", ...args);
  return JSON.parse(stdout);
}

/** Values by label; a line without a label belongs to the one above. */
function rowsOf(stdout: string): Readonly<Record<string, readonly string[]>> {
  const rows: Record<string, string[]> = {};
  let label = "";
  for (const line of stdout.trimEnd().split("\n")) {
    label = line.slice(0, 11).trim() || label;
    rows[label] = [...(rows[label] ?? []), line.slice(11)];
  }
  return rows;
}

describe("healthbridge test of one target", { concurrency: 2 }, () => {
  let http: Target;
  let https: Target;
  let silent: Target;
  before(async () => {
    http = await httpTarget((_, response) => void response.end("OK"));
    https = await Target.start(createHttps(identity(), (_, response) => void response.end("OK")));
    silent = await silentTarget();
  });
  after(async () => {
    for (const target of [http, https, silent]) await target.stop();
  });

  test("shows a target that passes, step by step, in aligned lines; exit code 0", async () => {
    const { code, stdout, stderr } = await testing(`http://127.0.0.1:${http.port}/health`);
    assert.deepEqual([code, stderr], [0, ""]);
    const rows = rowsOf(stdout);
    assert.deepEqual(rows.target, [`http://127.0.0.1:${http.port}/health`]);
    assert.deepEqual(rows.expected, ["HTTP status 200-299"]);
    assert.match(
      rows.attempt?.join() ?? "",
      new RegExp(`^127\\.0\\.0\\.1:${http.port}: connected after \\d+\\.\\d ms$`),
    );
    assert.match(rows.times?.join() ?? "", /^connect [\d.]+ ms, first byte [\d.]+ ms, total [\d.]+ ms \(timeout 2s\)$/);
    assert.deepEqual(rows.found, ["HTTP status 200, 2 bytes of body"]);
    assert.deepEqual(rows.verdict, ["pass"]);
    assert.equal(rows.more, undefined);
    await http.disconnected();
  });

  test("shows the addresses of a name, and each attempt with its error", async () => {
    const only4 = await reporting(`http://localhost:${http.port}/`);
    assert.equal(only4.verdict, "pass");
    const [lookup] = only4.lookups;
    assert.equal(lookup?.name, "localhost");
    assert.ok(lookup?.addresses.includes("127.0.0.1"));
    assert.equal(only4.attempts.at(-1)?.outcome, "connected");
    const refused = await reporting("tcp://localhost:1");
    assert.deepEqual([refused.verdict, refused.reason], ["fail", "refused"]);
    assert.equal(refused.attempts.length, lookup?.addresses.length);
    for (const { outcome, error } of refused.attempts) {
      assert.equal(outcome, "failed");
      assert.match(error ?? "", /ECONNREFUSED|EADDRNOTAVAIL|ENETUNREACH/);
    }
  });

  test("shows a name that does not exist", async () => {
    const { lookups, reason } = await reporting("http://no-such-name.invalid/");
    assert.equal(lookups.length, 1);
    assert.deepEqual(lookups[0]?.addresses, []);
    if (reason === "dns") assert.notEqual(lookups[0]?.error, null);
  });

  test("shows the TLS session and the chain, also of a certificate that is refused", async (t) => {
    const untrusted = await reporting(`https://127.0.0.1:${https.port}/`);
    assert.deepEqual([untrusted.verdict, untrusted.reason], ["fail", "tls-untrusted"]);
    assert.equal(untrusted.tls?.version, "TLSv1.3");
    assert.match(untrusted.tls?.cipher ?? "", /^TLS_/);
    assert.equal(untrusted.tls?.trusted, false);
    assert.notEqual(untrusted.tls?.error, null);
    const [leaf] = untrusted.tls?.chain ?? [];
    assert.deepEqual([...(leaf?.names ?? [])].sort(), ["0:0:0:0:0:0:0:1", "127.0.0.1", "localhost"]);
    assert.ok((leaf?.daysLeft ?? 0) > 1_000);
    const target = `https://localhost:${https.port}/`;
    const config = file(t, { checks: { shop: { target, tls: { caFile: fixture("ca.crt") } } } });
    const { code, stdout } = await testing("shop", "-c", config);
    assert.equal(code, 0, stdout);
    const { tls = [], times = [] } = rowsOf(stdout);
    assert.match(tls[0] ?? "", /^TLSv1\.3, TLS_\w+, server name localhost, ALPN http\/1\.1$/);
    assert.equal(tls[1], "certificate: trusted");
    assert.match(
      tls.join("\n"),
      /^1\. .*CN=.*\n {3}issued by .*CN=.*\n {3}names .*localhost.*\n {3}\d{4}-\d\d-\d\d to \d{4}-\d\d-\d\d, \d+ days left/m,
    );
    assert.match(times.join(), /^DNS [\d.]+ ms, connect [\d.]+ ms, TLS [\d.]+ ms, first byte [\d.]+ ms, total /);
  });

  test("shows a certificate for another name, as NAME with tls options", async (t) => {
    const target = `tls://127.0.0.1:${https.port}`;
    const config = file(t, { checks: { a: { target, tls: { caFile: fixture("ca.crt"), serverName: "other.test" } } } });
    const report = await reporting("a", "-c", config);
    assert.deepEqual([report.verdict, report.reason], ["fail", "tls-name"]);
    assert.deepEqual([report.tls?.serverName, report.tls?.trusted], ["other.test", false]);
    assert.equal(report.tls?.chain.length, 2, "the authority is shown too");
  });

  test("ends by the deadline, and says in which step; exit code 3", async () => {
    const startedAt = performance.now();
    const { code, stdout } = await testing(`http://127.0.0.1:${silent.port}/`, "--timeout", "300ms");
    assert.ok(performance.now() - startedAt < 5_000);
    assert.equal(code, 3);
    const { found, verdict, more } = rowsOf(stdout);
    assert.deepEqual(found, ["no answer within 300ms; the time ended after connecting"]);
    assert.deepEqual(verdict, ["fail: timeout (no answer within the timeout)"]);
    assert.deepEqual(more, ["docs/troubleshooting.md#timeout"]);
    await silent.disconnected();
  });

  test("says that a target has not answered to the TLS handshake", async () => {
    for (const scheme of ["https", "grpcs", "rediss", "wss", "tls"]) {
      const { detail } = await reporting(`${scheme}://127.0.0.1:${silent.port}`, "--timeout", "300ms");
      const phase = "within the TLS handshake, to which the target has not answered";
      assert.equal(detail, `no answer within 300ms; the time ended ${phase}`, scheme);
    }
  });

  test("a program that the deadline has ended is a timeout, and not a signal", async (t) => {
    const config = {
      allowExec: true,
      checks: { slow: { exec: ["sleep", "9"] }, killed: { exec: ["sh", "-c", "kill -9 $$$$"] } },
    };
    const path = file(t, config);
    const slow = await reporting("slow", "-c", path, "--timeout", "300ms");
    assert.deepEqual([slow.verdict, slow.reason, slow.detail], ["fail", "timeout", "no answer within 300ms"]);
    assert.equal((await reporting("killed", "-c", path)).reason, "signal");
  });

  test("a deadline that healthbridge itself has missed says nothing about the target", async () => {
    const check = {
      name: "",
      source: { kind: "target", url: `http://127.0.0.1:${silent.port}` },
      options: {},
    } as const;
    const { signal } = new AbortController();
    const testing = testCheck(check, { timeoutMs: 200, allowLinkLocal: false, environment: {}, signal });
    setTimeout(() => {
      const end = performance.now() + 1_500;
      while (performance.now() < end); // blocks the event loop beyond the deadline
    }, 50);
    const { verdict, reason, detail } = await testing;
    assert.deepEqual([verdict, reason], ["not-probed", "prober"]);
    assert.match(detail ?? "", /^this machine is too busy: healthbridge itself was blocked for \d\.\d s/);
  });

  test("shows what was expected and what was found", async (t) => {
    const target = `http://127.0.0.1:${http.port}/`;
    const expect = {
      status: [204, "300-302"],
      body: { matches: "never" },
      headers: { "x-a": "b" },
      json: { "a.b": 1 },
    };
    const report = await reporting("a", "-c", file(t, { checks: { a: { target, expect } } }));
    assert.deepEqual(report.expected, ["status: 204, 300-302", "body.matches: never", "headers.x-a: b", "json.a.b: 1"]);
    assert.deepEqual([report.reason, report.detail], ["status", "HTTP status 200, expected 204, 300-302"]);
  });

  test("what is expected has the default parts too, and the steps of a dialogue", async (t) => {
    const checks = {
      body: { target: `http://127.0.0.1:${http.port}/`, expect: { body: "x" } },
      talk: { target: `tcp://127.0.0.1:${http.port}`, dialogue: [{ send: "secret-text\r\n", expect: "HTTP/1.1" }] },
      plug: { exec: ["true"], expect: { warn: 1 } },
    };
    const config = file(t, { allowExec: true, checks });
    const expected = async (name: string) => (await reporting(name, "-c", config)).expected;
    assert.deepEqual(await expected("body"), ["HTTP status 200-299", "body: x"]);
    assert.deepEqual(await expected("talk"), ["a connection can be opened", 'dialogue[0]: "HTTP/1.1"']);
    assert.deepEqual(await expected("plug"), ["exit code 0", "warn: 1"]);
  });

  test("many checks write nothing to stderr", async (t) => {
    const checks = Object.fromEntries(
      Array.from({ length: 14 }, (_, at) => [`c${at}`, `http://127.0.0.1:${http.port}/`]),
    );
    assert.equal((await testing("-c", file(t, { checks }))).stderr, "");
  });

  test("a warning is exit code 0, and the verdict has the word", async (t) => {
    const slow = await httpTarget((_, response) => void setTimeout(() => response.end("OK"), 60));
    t.after(() => slow.stop());
    const target = `http://127.0.0.1:${slow.port}/`;
    const config = file(t, { checks: { a: { target, expect: { maxLatency: "10ms" } } } });
    const { code, stdout } = await testing("a", "-c", config);
    const { expected, verdict } = rowsOf(stdout);
    assert.equal(code, 0, stdout);
    assert.deepEqual(expected, ["HTTP status 200-299", "maxLatency: 10ms"]);
    assert.match(verdict?.join() ?? "", /^warn: slow \(/);
  });

  for (const scheme of ["redis", "grpc", "postgres", "mysql", "amqp", "flower+http"] as const)
    test(`${scheme}: the connection is shown`, async (t) => {
      const server = await rawTarget((socket) => FAKE_SERVERS[scheme](socket, () => true));
      t.after(() => server.stop());
      const report = await reporting(`${scheme}://localhost:${server.port}`);
      assert.equal(report.verdict, "pass", JSON.stringify(report));
      assert.equal(report.lookups[0]?.name, "localhost");
      assert.equal(report.attempts.at(-1)?.outcome, "connected");
      assert.notEqual(report.times.connectMs, null);
    });

  test("postgres: the TLS session that begins within the protocol is shown", async (t) => {
    const server = await rawTarget((socket) => {
      socket.on("error", () => {});
      socket.once("data", () => {
        socket.write("S"); // the answer to SSLRequest
        const secure = new TLSSocket(socket, { isServer: true, ...identity() });
        secure.on("error", () => {});
        FAKE_SERVERS.postgres(secure, () => true);
      });
    });
    t.after(() => server.stop());
    const target = `postgres://localhost:${server.port}/shop`;
    const config = file(t, {
      checks: { good: { target, tls: { caFile: fixture("ca.crt") } }, bad: { target, tls: {} } },
    });
    const good = await reporting("good", "-c", config);
    assert.deepEqual([good.verdict, good.tls?.version, good.tls?.trusted], ["pass", "TLSv1.3", true]);
    const bad = await reporting("bad", "-c", config);
    assert.deepEqual([bad.verdict, bad.reason, bad.tls?.trusted], ["fail", "tls-untrusted", false]);
  });

  for (const scheme of ["http+unix", "grpc+unix"] as const)
    test(`${scheme}: the socket is shown as an attempt, with the first byte`, async (t) => {
      const folder = mkdtempSync(join(tmpdir(), "healthbridge-test-"));
      const path = join(folder, "a.sock");
      const fake = scheme === "http+unix" ? FAKE_SERVERS.http : FAKE_SERVERS.grpc;
      const server = createServer((socket) => fake(socket, () => true));
      await new Promise<void>((resolve) => server.listen(path, resolve));
      t.after(() => {
        server.close();
        rmSync(folder, { recursive: true });
      });
      const report = await reporting(`${scheme}://${encodeURIComponent(path)}/`);
      assert.deepEqual([report.verdict, report.attempts[0]?.address], ["pass", path], JSON.stringify(report));
      assert.notEqual(report.times.firstByteMs, null);
    });

  test("a Unix socket is shown as an attempt too", async (t) => {
    const folder = mkdtempSync(join(tmpdir(), "healthbridge-test-"));
    const path = join(folder, "a.sock");
    const server = createServer((socket) => socket.destroy());
    await new Promise<void>((resolve) => server.listen(path, resolve));
    t.after(() => {
      server.close();
      rmSync(folder, { recursive: true });
    });
    const report = await reporting(`unix://${path}`);
    assert.deepEqual(
      [report.verdict, report.attempts[0]?.address, report.attempts[0]?.outcome],
      ["pass", path, "connected"],
    );
  });

  test("every scheme has words for when it passes", () => {
    assert.deepEqual([...DESCRIBED_SCHEMES].sort(), Object.keys(SCHEMES).sort());
  });

  test("--json has exactly the keys that the docs name", async () => {
    const page = readFileSync(new URL("../../docs/troubleshooting.md", import.meta.url), "utf8");
    const words = (text = "") => [...text.matchAll(/`(\w+)`/g)].map(([, word = ""]) => word);
    const rows = tableOf(page, "test-json");
    const documented = (key: string) => words(rows.find(([first]) => first === `\`${key}\``)?.[1]);
    const report = await reporting(`https://localhost:${https.port}/`);
    assert.deepEqual(
      Object.keys(report),
      rows
        .map(([key]) => key ?? "")
        .filter((key) => !key.includes("."))
        .flatMap(words),
    );
    assert.deepEqual(Object.keys(report.lookups[0] ?? {}), documented("lookups"));
    const values = ["connected", "failed", "unfinished", "null"];
    assert.deepEqual(
      Object.keys(report.attempts[0] ?? {}),
      documented("attempts").filter((word) => !values.includes(word)),
    );
    assert.deepEqual(
      Object.keys(report.tls ?? {}),
      documented("tls").filter((word) => !values.includes(word)),
    );
    assert.deepEqual(
      Object.keys(report.tls?.chain[0] ?? {}),
      rows
        .find(([key]) => key === "`tls.chain`")
        ?.slice(1)
        .flatMap(words),
    );
    assert.deepEqual(Object.keys(report.times), documented("times"));
  });

  test("a target that echoes its credentials shows none of them", async (t) => {
    const echo = await httpTarget(({ headers, url }, response) => {
      response.writeHead(500, { "x-echo": `${headers.authorization} ${headers["x-api-key"]} ${url}` }).end();
    });
    t.after(() => echo.stop());
    const target = `http://bob:p%23ss%2Fw%3Frd%25@127.0.0.1:${echo.port}/x?token=s3cr3t-t0ken`;
    const headers = { "x-api-key": "k3y-k3y-k3y" };
    const expect = { status: [500], headers: { "x-echo": "none" } };
    const config = file(t, { checks: { a: { target, headers, expect } } });
    for (const args of [["a", "-c", config], ["a", "-c", config, "--json"], [target], [target, "--json"]]) {
      const { stdout, stderr } = await testing(...args);
      assert.match(stdout, /\*\*\*@127/);
      for (const secret of [
        "p#ss",
        "p%23ss",
        "w?rd",
        "s3cr3t",
        "k3y-",
        Buffer.from("bob:p#ss").toString("base64").slice(0, 8),
      ])
        assert.ok(!`${stdout}${stderr}`.includes(secret), `${args.join(" ")}: ${secret} in ${stdout}${stderr}`);
    }
  });
});

test("no password of a target is shown, whatever its characters are", async (t) => {
  const checks = Object.fromEntries(
    VALUES.map((value, index) => {
      const password = `s3cret${value}x-${index}`;
      return [`c${index}`, { target: "http://127.0.0.1:1/", user: "bob", password }];
    }),
  );
  // a dollar sign is written twice in a configuration
  const config = file(t, JSON.stringify({ checks }).replaceAll("$", "$$$$"));
  for (const args of [
    ["-c", config],
    ["-c", config, "--json"],
    ["c1", "-c", config],
  ]) {
    const { code, stdout, stderr } = await testing(...args);
    assert.equal(code, 3, stderr);
    assert.ok(!`${stdout}${stderr}`.includes("s3cret"), stdout);
  }
  const urls = VALUES.map((value) => `http://bob:s3cret${value}-x@127.0.0.1:1/`);
  for (const url of urls.filter((_, index) => index % 6 === 0)) {
    const { stdout, stderr } = await testing(url);
    assert.ok(!`${stdout}${stderr}`.includes("s3cret"), `${url}: ${stdout}${stderr}`);
  }
});

describe("healthbridge test with a configuration", { concurrency: 2 }, () => {
  test("without a name, every check is one line, in the order of the file; exit code 3 if one fails", async (t) => {
    const http = await httpTarget((_, response) => void setTimeout(() => response.end("OK"), 100));
    t.after(() => http.stop());
    const config = file(t, {
      checks: {
        slowest: `http://127.0.0.1:${http.port}/`,
        down: "tcp://127.0.0.1:1",
        job: { heartbeat: { ttl: "1m", token: "abc" } },
      },
    });
    const { code, stdout } = await testing("-c", config);
    assert.equal(code, 3);
    const lines = stdout.trimEnd().split("\n");
    assert.match(lines[0] ?? "", /^pass +slowest +[\d.]+ ms +HTTP status 200, 2 bytes of body$/);
    assert.match(lines[1] ?? "", /^fail +down +[\d.]+ ms +refused: /);
    assert.match(lines[2] ?? "", /^not-probed +job +0\.0 ms +a heartbeat is not probed: it waits for reports/);
    const json = (await testing("-c", config, "--json")).stdout.trimEnd().split("\n");
    assert.deepEqual(
      json.map((line) => JSON.parse(line).check),
      ["slowest", "down", "job"],
    );
  });

  test("a heartbeat among others has no effect on the exit code; alone, it is 4", async (t) => {
    const config = file(t, { checks: { job: { heartbeat: { ttl: "1m", token: "abc" } } } });
    assert.equal((await testing("-c", config)).code, 0);
    const { code, stdout } = await testing("job", "-c", config);
    assert.equal(code, 4);
    assert.match(stdout, /^expected {3}a report within 1m$/m);
    assert.match(stdout, /^verdict {4}not probed$/m);
    assert.ok(!stdout.includes("abc"), "the token is not shown");
  });

  test("a program runs with allowExec, and its arguments are not shown", async (t) => {
    const checks = {
      ok: { exec: ["sh", "-c", "exit 0 # s3cret"] },
      bad: { exec: ["sh", "-c", "echo no room; exit 2"] },
    };
    const config = file(t, { allowExec: true, checks });
    const ok = await testing("ok", "-c", config);
    assert.equal(ok.code, 0);
    assert.match(ok.stdout, /^target {5}sh \(and 2 arguments\)$/m);
    assert.ok(!ok.stdout.includes("s3cret"));
    const bad = await testing("bad", "-c", config);
    assert.equal(bad.code, 3);
    assert.match(bad.stdout, /no room/);
    const refused = await testing("ok", "-c", file(t, { checks }));
    assert.deepEqual([refused.code, refused.stdout], [2, ""]);
    assert.match(refused.stderr, /programs need allowExec: true/);
  });

  test("--help fits into 100 columns, and names the exit codes", async () => {
    const { code, stdout } = await testing("--help");
    assert.equal(code, 0);
    assert.deepEqual(
      stdout.split("\n").filter((line) => line.length > 100),
      [],
    );
    assert.match(stdout.replace(/\s+/g, " "), /Exit codes: 0 .* 1 .* 2 .* 3 .* 4 /);
  });

  test("a link-local target is refused, and tried with the file's allowLinkLocal", async (t) => {
    const url = "http://169.254.123.45/";
    const refused = await testing(url);
    assert.deepEqual([refused.code, refused.stdout], [2, ""]);
    assert.match(refused.stderr, /link-local addresses are not probed/);
    const config = file(t, { allowLinkLocal: true, checks: {} });
    const tried = await testing(url, "-c", config, "--timeout", "200ms");
    assert.ok([3, 4].includes(tried.code ?? 0), tried.stderr);
  });

  const checks = { shop: "tcp://127.0.0.1:1", "db:main": "tcp://127.0.0.1:1" };
  for (const [args, message] of [
    [["shpo"], /has no check "shpo"; did you mean shop\?$/],
    [["zzz"], /has no check "zzz"$/],
    [["all"], /^healthbridge: "all" is a service, not a check; its members are shop, db:main$/],
    [["shop", "shop"], /^healthbridge: unexpected argument "shop"$/],
    [["shop", "--timeout", "5"], /^healthbridge: --timeout: "5" is not a duration/],
    [["shop", "--timeout", "0s"], /^healthbridge: --timeout: "0s" is not a duration above 0/],
    [["shop", "--jsn"], /^healthbridge: unknown flag --jsn; did you mean --json\?$/],
    [["bogus://host"], /^healthbridge: target "bogus:\/\/host": unknown scheme/],
    [["tcp://127.0.0.1"], /a port is missing/],
  ] as const)
    test(`${args.join(" ")}: exit code 2, one line on stderr, and nothing is probed`, async (t) => {
      const config = file(t, { checks, services: { all: ["shop", "db:main"] } });
      const { code, stdout, stderr } = await testing(...args, "-c", config);
      assert.deepEqual([code, stdout], [2, ""]);
      assert.match(stderr.trimEnd(), message);
    });

  test("a name with a colon is no URL", async (t) => {
    const { code, stdout } = await testing("db:main", "-c", file(t, { checks }));
    assert.equal(code, 3);
    assert.match(stdout, /^check {6}db:main$/m);
  });

  test("an invalid file is refused with every fault, also for another check", async (t) => {
    const { code, stdout, stderr } = await testing(
      "a",
      "-c",
      file(t, { checks: { a: "tcp://h:1", b: "tpc://h:1" }, x: 1 }),
    );
    assert.deepEqual([code, stdout], [2, ""]);
    assert.equal(stderr.trimEnd().split("\n").length, 2, stderr);
  });
});

describe("healthbridge test ends", () => {
  const MAIN = fileURLToPath(new URL("../../dist/cli/main.cjs", import.meta.url));
  const start = (args: readonly string[]): ChildProcess =>
    spawn(process.execPath, [MAIN, "test", ...args], { stdio: ["ignore", "pipe", "pipe"] });

  for (const [signal, exitCode] of [
    ["SIGINT", 130],
    ["SIGTERM", 143],
  ] as const)
    test(`at ${signal}, with code ${exitCode}, and with the program that it runs`, async (t) => {
      const mark = `29${process.pid}${exitCode}`; // a unique number of seconds
      const config = file(t, {
        allowExec: true,
        checks: { a: { exec: ["sleep", mark], interval: "2m", timeout: "1m" } },
      });
      const child = start(["a", "-c", config]);
      t.after(() => child.kill("SIGKILL"));
      const running = () => processes().some((line) => line.includes(`sleep\0${mark}`));
      await eventually(running, "the program runs");
      child.kill(signal);
      const [code] = await inTime(once(child, "close"), "the end");
      assert.equal(code, exitCode);
      await eventually(() => !running(), "the program has ended");
    });

  test("a prober error is `not-probed`, with its reason, and says nothing about the target", async () => {
    const prober = {
      probe: () => Promise.reject(new ProberError("descriptors", "no descriptor")),
      close() {},
    };
    const report = await testCheck(
      { name: "a", source: { kind: "prober", prober }, options: {} },
      { timeoutMs: 1_000, allowLinkLocal: false, environment: {}, signal: new AbortController().signal },
    );
    assert.deepEqual([report.verdict, report.reason, report.detail], ["not-probed", "descriptors", "no descriptor"]);
  });
});

/** The command lines of all processes. */
function processes(): readonly string[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, "latin1");
      } catch {
        return ""; // it has ended
      }
    });
}
