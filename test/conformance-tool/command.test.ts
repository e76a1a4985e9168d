/** `healthbridge conformance` as a command: its output, files, exit codes, and the control program. */
import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { ROWS } from "../../src/conformance/table.js";
import { Health } from "../../src/index.js";
import { run } from "../cli/program.js";
import { rawTarget, silentTarget, Target } from "../probers/targets.js";
import { eventually, inTime } from "../support/eventually.js";
import { freePort } from "../support/free-port.js";
import { portOf } from "../support/port-of.js";
import { BREAKERS } from "./breakers.js";
import { BreakingProxy } from "./breaking-proxy.js";

const MAIN = fileURLToPath(new URL("../../dist/cli/main.cjs", import.meta.url));
const PROGRAM = fileURLToPath(new URL("server-program.ts", import.meta.url));

let health: Health;
let proxy: BreakingProxy;
let good: string;
let broken: string;

before(async () => {
  health = new Health();
  const server = await health.listen(["127.0.0.1:0"]);
  good = `127.0.0.1:${portOf(server)}`;
  proxy = await BreakingProxy.start(portOf(server), BREAKERS["check-unknown"] ?? {});
  broken = `127.0.0.1:${proxy.port}`;
});

after(async () => {
  await proxy.stop();
  await health.shutdown({ drainDelayMs: 0, closeTimeoutMs: 0 });
});

describe("healthbridge conformance", { concurrency: 2 }, () => {
  test("a server that keeps every row: exit code 0, a line for each row, and the groups", async () => {
    const { code, stdout, stderr } = await run("conformance", good);
    assert.deepEqual([code, stderr], [0, ""]);
    for (const title of ["The health protocol", "gRPC over HTTP/2", "HTTP/2"])
      assert.equal(stdout.split("\n").filter((line) => line === title).length, 1, title);
    for (const { id } of ROWS) assert.match(stdout, new RegExp(`^(holds|not tried) +${id}(:|$)`, "m"));
    assert.match(stdout, /^\d+ hold, 0 break, \d+ not tried \(\d+\.\d s\)$/m);
    assert.ok(!stdout.includes("\u001b"), "a pipe gets no colour");
  });

  test("a breach: exit code 1, with what was sent, expected and received, and the source", async () => {
    const { code, stdout } = await run("conformance", broken, "--only", "check-unknown", "--only", "ping");
    assert.equal(code, 1);
    const name = "healthbridge.conformance.check-unknown";
    assert.ok(stdout.includes(`breaks     check-unknown  must\n`), stdout);
    assert.match(stdout, new RegExp(`^ +sent +Check of the unknown service ${name}$`, "m"));
    assert.match(stdout, /^ +expected +grpc-status NOT_FOUND$/m);
    assert.match(stdout, /^ +received +SERVING, grpc-status 0 OK$/m);
    assert.match(stdout, /^ +source +grpc\/health\/v1\/health\.proto, https:\/\/github\.com\/grpc\/grpc-proto\/\S+$/m);
    assert.match(stdout, /^1 hold, 1 break, 0 not tried /m);
  });

  test("--except leaves a known breach out", async () => {
    const rows = ["--only", "check-unknown", "--only", "ping", "--except", "check-unknown"];
    const { code, stdout } = await run("conformance", broken, ...rows);
    assert.equal(code, 0, stdout);
  });

  test("--json prints one object that has every row", async () => {
    const { code, stdout } = await run("conformance", broken, "--json");
    assert.equal(code, 1);
    const report = JSON.parse(stdout);
    assert.deepEqual([report.address, report.service, report.summary.breaks], [broken, "", 1]);
    assert.deepEqual(
      report.rows.map(({ id }: { id: string }) => id),
      ROWS.map(({ id }) => id),
    );
    const [breach] = report.rows.filter(({ verdict }: { verdict: string }) => verdict === "breaks");
    assert.deepEqual([breach.id, breach.severity, breach.expected], ["check-unknown", "must", "grpc-status NOT_FOUND"]);
  });

  test("--junit writes a file with suites, cases, failures and skipped cases", async () => {
    const folder = mkdtempSync(join(tmpdir(), "conformance-"));
    const file = join(folder, "report.xml");
    try {
      const rows = ["check-unknown", "set-check", "ping"].flatMap((id) => ["--only", id]);
      assert.equal((await run("conformance", broken, ...rows, "--junit", file)).code, 1);
      const xml = readFileSync(file, "utf8");
      assert.match(xml, /^<\?xml version="1\.0" encoding="UTF-8"\?>\n<testsuites name="conformance of /);
      assert.match(xml, / tests="3" failures="1" errors="0" skipped="1" time="/);
      assert.match(xml, /<testsuite name="The health protocol" tests="2" failures="1" errors="0" skipped="1" /);
      assert.match(xml, /<testcase name="ping" classname="conformance\.http2" time="[\d.]+"\/>/);
      assert.match(
        xml,
        /<failure message="Check of a service [^"]*" type="must">sent: [^<]*\nexpected: [^<]*\nreceived: /,
      );
      assert.match(xml, /<testcase name="set-check" [^>]*><skipped message="[^"]*--control\)"\/><\/testcase>/);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  test("--junit has the reason when no row could be tried", async () => {
    const folder = mkdtempSync(join(tmpdir(), "conformance-"));
    const file = join(folder, "report.xml");
    try {
      const { code } = await run("conformance", `127.0.0.1:${await freePort()}`, "--junit", file);
      assert.equal(code, 3);
      assert.match(readFileSync(file, "utf8"), /errors="1".*<testcase [^>]*><error message="connect ECONNREFUSED /s);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  test("a report that cannot be written is refused before the server is asked", async () => {
    const folder = mkdtempSync(join(tmpdir(), "conformance-"));
    const [plain, pipe] = [join(folder, "plain"), join(folder, "pipe")];
    writeFileSync(plain, "");
    execFileSync("mkfifo", [pipe]);
    const server = await silentTarget();
    const refusals: readonly (readonly [file: string, why: RegExp])[] = [
      [join(folder, "missing", "x.xml"), /its folder does not exist \(ENOENT\)$/],
      [join(plain, "x.xml"), /its folder does not exist \(ENOTDIR\)$/],
      [folder, /it is a directory \(EISDIR\)$/],
      [pipe, /it is a named pipe or a socket, not a regular file \(ENXIO\)$/],
      [`${folder}/${"x".repeat(300)}`, /ENAMETOOLONG/],
    ];
    try {
      for (const [file, why] of refusals) {
        const { code, stdout, stderr } = await run("conformance", `127.0.0.1:${server.port}`, "--junit", file);
        assert.deepEqual([code, stdout], [2, ""]);
        assert.match(stderr.trimEnd(), why);
        assert.match(stderr, /^healthbridge: --junit: cannot write the file "/);
      }
      assert.equal(server.accepted, 0);
    } finally {
      await server.stop();
      rmSync(folder, { recursive: true });
    }
  });

  test("a former report stays until there is a new one, and a run that is refused leaves no file", async () => {
    const folder = mkdtempSync(join(tmpdir(), "conformance-"));
    const [former, fresh] = [join(folder, "former.xml"), join(folder, "fresh.xml")];
    writeFileSync(former, "x".repeat(100_000));
    try {
      // interrupted before the first row
      const silent = await silentTarget();
      for (const file of [former, fresh]) {
        const args = [MAIN, "conformance", `127.0.0.1:${silent.port}`, "--timeout", "4s", "--junit", file];
        const child = spawn(process.execPath, args, { stdio: "ignore" });
        const count = silent.accepted;
        await eventually(() => silent.accepted > count, "it has begun");
        child.kill("SIGINT");
        await inTime(once(child, "close"), "the end", 3_000);
      }
      await silent.stop();
      assert.equal(readFileSync(former, "utf8"), "x".repeat(100_000));
      assert.equal(existsSync(fresh), false);
      assert.equal((await run("conformance", good, "--only", "ping", "--junit", former)).code, 0);
      assert.match(readFileSync(former, "utf8"), /^<\?xml [^x]*<testsuites .*<\/testsuites>\n$/s);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  test("files without an end are not read", async () => {
    for (const flag of ["--tls-ca-cert", "--tls-client-cert"]) {
      const { code, stderr } = await run("conformance", good, "--tls", flag, "/dev/zero");
      assert.equal(code, 2);
      assert.match(stderr, /cannot read the file "\/dev\/zero": it is a device, not a regular file$/m);
    }
  });

  test("a control program may start the server; what it cannot do is not tried", async () => {
    const port = await freePort();
    const control = `exec '${process.execPath}' --import tsx '${PROGRAM}' ${port}`;
    const rows = ["set-check", "set-watch", "clear-check"].flatMap((id) => ["--only", id]);
    const { code, stdout } = await run("conformance", `127.0.0.1:${port}`, "--control", control, ...rows);
    assert.equal(code, 0, stdout);
    assert.match(stdout, /^holds +set-check$/m);
    assert.match(stdout, /^holds +set-watch$/m);
    assert.match(stdout, /^not tried +clear-check: the control program: services stay here$/m);
    // it has ended with the run
    assert.equal((await run("conformance", `127.0.0.1:${port}`)).code, 3);
  });

  test("a server of HTTP/1 is named as such: exit code 3", async () => {
    const target = await rawTarget((socket) => void socket.end("HTTP/1.1 400 Bad Request\r\n\r\n"));
    const { code, stderr } = await run("conformance", `127.0.0.1:${target.port}`);
    await target.stop();
    assert.equal(code, 3);
    assert.match(stderr, /no row could be tried: the server answers in HTTP\/1$/m);
  });

  test("a server of another protocol is named with its first octets, which are escaped: exit code 3", async () => {
    const openings: readonly (readonly [opening: Buffer, text: RegExp])[] = [
      [Buffer.from("15030100020246", "hex"), /: the server requires TLS \(try --tls\)$/m],
      [Buffer.from("SSH-2.0-\u001b[2J\r\n"), /: the server does not speak HTTP\/2: it begins with "SSH-2\.0-\\u001b/m],
      [Buffer.from("-ERR unknown command\r\n"), /: the server does not speak HTTP\/2: it begins with "-ERR unknown/m],
    ];
    for (const [opening, text] of openings) {
      const target = await rawTarget((socket) => void socket.resume().write(opening));
      const { code, stderr } = await run("conformance", `127.0.0.1:${target.port}`);
      await target.stop();
      assert.equal(code, 3);
      assert.match(stderr, text);
    }
  });

  test("a server that cannot be tried: exit code 3 and the reason", async () => {
    const silent = await silentTarget();
    try {
      const told = await run("conformance", `127.0.0.1:${silent.port}`, "--timeout", "300ms");
      assert.deepEqual([told.code, told.stdout], [3, ""]);
      assert.match(
        told.stderr,
        /^healthbridge: 127\.0\.0\.1:\d+: no row could be tried: the server sends no SETTINGS\n$/,
      );
    } finally {
      await silent.stop();
    }
    const closing = await Target.start(createServer((socket) => socket.once("data", () => socket.end())));
    try {
      const address = `127.0.0.1:${closing.port}`;
      const plain = await run("conformance", address);
      assert.match(plain.stderr, /the server closed the connection; it may require TLS \(try --tls\)$/m);
      const secure = await run("conformance", address, "--tls");
      assert.match(secure.stderr, /the server closed the connection; it may have no TLS \(try without --tls\)$/m);
    } finally {
      await closing.stop();
    }
    const refused = await run("conformance", `127.0.0.1:${await freePort()}`);
    assert.equal(refused.code, 3);
    assert.match(refused.stderr, /ECONNREFUSED/);
    const failed = await run("conformance", `127.0.0.1:${await freePort()}`, "--control", "exit 7");
    assert.equal(failed.code, 3);
    assert.match(failed.stderr, /the control program: it ended with exit code 7$/m);
  });

  for (const [signal, exitCode] of [
    ["SIGINT", 130],
    ["SIGTERM", 143],
  ] as const)
    test(`${signal} ends it with code ${exitCode}`, async () => {
      const silent = await silentTarget();
      const args = [MAIN, "conformance", `127.0.0.1:${silent.port}`, "--timeout", "4s"];
      const child = spawn(process.execPath, args, { stdio: "ignore" });
      try {
        await eventually(() => silent.accepted > 0, "it has begun");
        child.kill(signal);
        const [code] = await inTime(once(child, "close"), "the end", 3_000);
        assert.equal(code, exitCode);
      } finally {
        child.kill("SIGKILL");
        await silent.stop();
      }
    });

  const mistakes: readonly (readonly [readonly string[], RegExp])[] = [
    [[], /the address of a server is missing/],
    [["nowhere"], /"nowhere" is not an address: expected HOST:PORT, :PORT or unix:\/PATH/],
    [["h:0"], /is not an address/],
    [["a:1", "b:2"], /unexpected argument "b:2"/],
    [["a:1", "--only", "check-unknwn"], /--only: there is no row "check-unknwn"; did you mean check-unknown\?/],
    [["a:1", "--only", "ping", "--except", "ping"], /--only and --except leave no row/],
    [["a:1", "--timeout", "5s"], /--timeout: "5s" is not a duration above 0 and at most 4s/],
    [["a:1", "--tls-ca-cert", "x"], /--tls-ca-cert needs --tls/],
    [["a:1", "--tls", "--tls-client-key", PROGRAM], /--tls-client-cert and --tls-client-key need each other/],
    [["a:1", "--rpc-header", "s3cret"], /--rpc-header: expected NAME:VALUE$/],
  ];
  for (const [args, message] of mistakes)
    test(`${JSON.stringify(args.slice(0, 4).join(" ").replace(PROGRAM, "FILE"))} is refused with exit code 2`, async () => {
      const { code, stdout, stderr } = await run("conformance", ...args);
      assert.deepEqual([code, stdout], [2, ""]);
      assert.match(stderr.trimEnd(), message);
      assert.doesNotMatch(stderr, /s3cret/);
    });
});
