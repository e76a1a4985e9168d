/** What `probe` can do beyond grpc_health_probe, and that it shows no secret. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { copyFileSync, mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:http2";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { Health } from "../../../src/index.js";
import { answer, httpTarget, SERVING, silentTarget, Target } from "../../probers/targets.js";
import { eventually } from "../../support/eventually.js";
import { portOf } from "../../support/port-of.js";
import { run } from "../program.js";
import { probeOnce, RunningProbe } from "./probe-once.js";

const BUNDLE = fileURLToPath(new URL("../../../dist/cli/grpc-health-probe.cjs", import.meta.url));
const PATIENT = ["-connect-timeout", "10s", "-rpc-timeout", "10s"];

describe("probe", () => {
  const health = new Health();
  const targets: Target[] = [];
  let addr = "";
  before(async () => {
    health.set("up", "SERVING");
    health.set("down", "NOT_SERVING");
    addr = `127.0.0.1:${portOf(await health.listen(["127.0.0.1:0"]))}`;
  });
  after(async () => {
    await health.shutdown({ drainDelayMs: 0 });
    for (const target of targets) await target.stop();
  });
  const probe = (...args: string[]) => probeOnce(...PATIENT, "-addr", addr, ...args);

  test("asks several services, and has the worst exit code", async () => {
    const { code, stderr } = await probe("-service", "up", "-service", "down", "-service", "");
    assert.equal(code, 4);
    assert.equal(
      stderr,
      '"up": status: SERVING\n"down": service unhealthy (responded with "NOT_SERVING")\n"": status: SERVING\n',
    );
    assert.equal((await probe("-service", "up", "-service", "down", "-service", "none")).code, 3);
    assert.equal((await probe("-service", "up", "-service", "")).code, 0);
  });

  test("lists all services", async () => {
    const { code, stdout } = await probe("-list");
    assert.equal(code, 4);
    assert.match(stdout, /^SERVING {6}""$/m);
    assert.match(stdout, /^NOT_SERVING {2}down$/m);
  });

  test("prints an object for each service with -json, also for a connection that failed", async () => {
    const { stdout, stderr } = await probe("-json", "-service", "up", "-service", "none");
    assert.equal(stderr, "");
    const [up, none] = stdout
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line));
    assert.deepEqual([up.addr, up.service, up.status, up.exitCode], [addr, "up", "SERVING", 0]);
    assert.deepEqual([none.status, none.exitCode], [null, 3]);
    const failed = JSON.parse((await probeOnce("-json", "-addr", "127.0.0.1:1")).stdout);
    assert.equal(failed.exitCode, 2);
    assert.match(failed.error, /^timeout: failed to connect service "127\.0\.0\.1:1" within 1s: .*ECONNREFUSED/);
  });

  test("-wait tries again until the service is healthy, and ends in time where it is not", async () => {
    health.set("late", "NOT_SERVING");
    const waiting = probe("-wait", "30s", "-service", "late");
    setTimeout(() => health.set("late", "SERVING"), 500);
    assert.equal((await waiting).code, 0);
    const silent = await silentTarget();
    targets.push(silent);
    const startedAt = performance.now();
    const { code, stderr } = await probeOnce(
      "-addr",
      `127.0.0.1:${silent.port}`,
      "-connect-timeout",
      "1m",
      "-wait",
      "700ms",
    );
    assert.equal(code, 2);
    assert.match(stderr, /^timeout: failed to connect service/);
    assert.ok(performance.now() - startedAt < 10_000);
  });

  test("-watch prints each change, and a signal ends it with the exit code of the last status", async () => {
    health.set("seen", "SERVING");
    const watching = new RunningProbe([...PATIENT, "-addr", addr, "-watch", "-service", "seen"]);
    await eventually(() => / SERVING\n/.test(watching.stdout), "the first status");
    health.set("seen", "NOT_SERVING");
    await eventually(() => watching.stdout.includes("NOT_SERVING"), "the change");
    watching.signal("SIGINT");
    const { code, stdout } = await watching.ended;
    assert.equal(code, 4);
    assert.equal(stdout.trim().split("\n").length, 2);
  });

  test("-http probes a URL, and does not show its password", async () => {
    const target = await httpTarget((request, response) => {
      response.statusCode = request.url === "/ok" ? 204 : 503;
      if (request.url === "/ok" && request.headers.authorization !== `Basic ${btoa("user:s3cr3t")}`)
        response.statusCode = 401;
      response.end();
    });
    targets.push(target);
    const url = `http://user:s3cr3t@127.0.0.1:${target.port}`;
    assert.deepEqual(await probeOnce(...PATIENT, "-http", `${url}/ok`), {
      code: 0,
      stdout: "",
      stderr: "status: 204\n",
    });
    const { code, stderr } = await probeOnce(...PATIENT, "-http", `${url}/no`, "-v");
    assert.equal(code, 4);
    assert.match(stderr, /service unhealthy \(responded with "503"\)/);
    const refused = await probeOnce("-http", "http://user:s3cr3t@127.0.0.1:1/", "-json", "-v");
    assert.equal(refused.code, 2);
    assert.doesNotMatch(stderr + refused.stdout + refused.stderr, /s3cr3t/);
  });

  test("no text has the value of a header [A143]", async () => {
    for (const args of [
      ["-v", "-rpc-header", "authorization: s3cr3t"],
      ["-rpc-header", "s3cr3t"],
      ["-rpc-header", "a b: s3cr3t"],
      ["-rpc-header", "a: s3cr3t\u00e4"],
      ["-v", "-json", "-service", "none", "-rpc-header", "authorization: s3cr3t"],
    ]) {
      const { stdout, stderr } = await probe(...args);
      assert.doesNotMatch(stdout + stderr, /s3cr3t/, args.join(" "));
    }
    assert.match((await probe("-v", "-rpc-header", "authorization: s3cr3t")).stderr, /authorization.*\*\*\*/);
  });

  test("a variable of the environment sets a flag that is not given", async () => {
    const env = { HEALTHBRIDGE_PROBE_ADDR: addr, HEALTHBRIDGE_PROBE_SERVICE: "down", HEALTHBRIDGE_PROBE_VERSION: "x" };
    assert.equal((await new RunningProbe(PATIENT, env).ended).code, 4);
    assert.equal((await new RunningProbe([...PATIENT, "-service", "up"], env).ended).code, 0);
    const wrong = await new RunningProbe([], { ...env, HEALTHBRIDGE_PROBE_RPC_TIMEOUT: "5" }).ended;
    assert.deepEqual(wrong, {
      ...{ code: 1, stdout: "" },
      stderr: 'invalid value "5" of HEALTHBRIDGE_PROBE_RPC_TIMEOUT: parse error\n',
    });
  });

  test("sends the authority, the user agent and the headers that are given", async () => {
    const seen: unknown[] = [];
    const server = createServer().on("stream", (stream, headers) => {
      seen.push(headers[":authority"], headers["user-agent"], headers["x-a"], headers["grpc-timeout"]);
      answer(stream, SERVING);
    });
    const target = await Target.start(server);
    targets.push(target);
    const args = ["-authority", "a.example:1", "-user-agent", "ua/1", "-rpc-header", "X-A: b"];
    const { code, stderr } = await probeOnce(...PATIENT, "-addr", `127.0.0.1:${target.port}`, ...args);
    assert.equal(code, 0, stderr);
    assert.equal((await probeOnce(...PATIENT, "-addr", `:${target.port}`)).code, 0);
    assert.deepEqual(seen.slice(0, 4), ["a.example:1", "ua/1", "b", "10000000u"]);
    assert.equal(seen[4], `localhost:${target.port}`);
  });

  test("contradictory flags are refused with a line that names them", async () => {
    const rows: readonly (readonly [string, ...string[]])[] = [
      ["cannot specify -service with -list", "-addr", "x", "-list", "-service", "a"],
      ["cannot specify -watch with -list", "-addr", "x", "-list", "-watch"],
      ["cannot specify -watch with -wait", "-addr", "x", "-wait", "1s", "-watch"],
      ["-wait must be greater than zero (specified: 0s)", "-addr", "x", "-wait", "0"],
      ["cannot specify -http with -addr", "-addr", "x", "-http", "http://x"],
      ["cannot specify -list with -http", "-http", "http://x", "-list"],
      ["-http must be a URL such as http://127.0.0.1:8080/healthcheck", "-http", "x"],
    ];
    for (const [text, ...args] of rows)
      assert.deepEqual(await probeOnce(...args), { code: 1, stdout: "", stderr: `error: ${text}\n` });
  });

  test("healthbridge probe and a copy of the bundle alone are the same program", async () => {
    assert.equal((await run("probe", ...PATIENT, "-addr", addr)).stderr, "status: SERVING\n");
    assert.equal((await run("probe", "-addr", addr, "-service", "down")).code, 4);
    const folder = mkdtempSync(join(tmpdir(), "healthbridge-"));
    const copy = join(folder, "probe.cjs");
    copyFileSync(BUNDLE, copy);
    const code = await new Promise((resolve) => {
      execFile(process.execPath, [copy, ...PATIENT, "-addr", addr, "-service", "down"], (error) =>
        resolve(error?.code ?? 0),
      );
    });
    rmSync(folder, { recursive: true });
    assert.equal(code, 4);
  });
});
