/** What a server, or a careless user, can do to `probe`: no false SERVING, no control character, no hang. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { after, before, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { Health } from "../../../src/index.js";
import { answer, framed, grpcTarget, rawTarget, type Target } from "../../probers/targets.js";
import { portOf } from "../../support/port-of.js";
import { probeOnce, RunningProbe } from "./probe-once.js";

const BUNDLE = fileURLToPath(new URL("../../../dist/cli/grpc-health-probe.cjs", import.meta.url));
const PATIENT = ["-connect-timeout", "10s", "-rpc-timeout", "10s"];

/** An entry of a HealthListResponse: a name with SERVING. */
function listEntry(name: string): Buffer {
  const key = Buffer.from(name);
  const entry = Buffer.concat([Buffer.from([0x0a, key.length]), key, Buffer.from([0x12, 2, 8, 1])]);
  return Buffer.concat([Buffer.from([0x0a, entry.length]), entry]);
}

function prefixed(message: Buffer): Buffer {
  const prefix = Buffer.alloc(5);
  prefix.writeUInt32BE(message.length, 1);
  return Buffer.concat([prefix, message]);
}

describe("probe against hostile servers", () => {
  const targets: Target[] = [];
  const health = new Health();
  let addr = "";
  before(async () => {
    health.set("seen", "SERVING");
    addr = `127.0.0.1:${portOf(await health.listen(["127.0.0.1:0"]))}`;
  });
  after(async () => {
    await health.shutdown({ drainDelayMs: 0 });
    for (const target of targets) await target.stop();
  });
  const listing = async (message: Buffer, ...args: string[]) => {
    const target = await grpcTarget((stream) => answer(stream, message));
    targets.push(target);
    return probeOnce(...PATIENT, "-list", "-addr", `127.0.0.1:${target.port}`, ...args);
  };

  test("a List without a service is not healthy", async () => {
    const text = "service unhealthy (the server lists no service)\n";
    assert.deepEqual(await listing(framed()), { code: 4, stdout: "", stderr: text });
    const { code, stdout, stderr } = await listing(framed(), "-json");
    assert.equal(code, 4);
    assert.match(stdout + stderr, /the server lists no service/);
  });

  test("a List of 100,000 services is shown", async () => {
    const names = Array.from({ length: 100_000 }, (_, index) => `acme.v1.S${index}`);
    const { code, stdout, stderr } = await listing(prefixed(Buffer.concat(names.map(listEntry))));
    assert.deepEqual([code, stderr], [0, "status: SERVING\n"]);
    assert.equal(stdout.split("\n").length, 100_001);
  });

  test("-json has no control character of a server, and the name is still whole", async () => {
    const name = "a\u001b[31m\u009b\u202eb";
    const { stdout } = await listing(prefixed(listEntry(name)), "-json");
    assert.match(stdout, /^[\x20-\x7e]+\n$/);
    assert.equal(JSON.parse(stdout).service, name);
  });

  test("-watch ends when its reader is gone", async () => {
    const child = spawn(process.execPath, [BUNDLE, ...PATIENT, "-addr", addr, "-watch", "-service", "seen"]);
    const exited = once(child, "exit");
    await once(child.stdout, "data");
    child.stdout.destroy();
    const changes = setInterval(() => health.set("seen", "NOT_SERVING"), 50);
    const limit = setTimeout(() => child.kill("SIGKILL"), 10_000);
    const [code] = await exited;
    clearInterval(changes);
    clearTimeout(limit);
    health.set("seen", "SERVING");
    assert.equal(code, 4);
  });

  test("-watch of a service that is given twice ends by a signal with the last status", async () => {
    const args = [...PATIENT, "-addr", addr, "-watch", "-service", "seen", "-service", "seen"];
    const watching = new RunningProbe(args);
    while (!watching.stdout.includes("SERVING")) await new Promise((resolve) => setTimeout(resolve, 5));
    watching.signal("SIGTERM");
    const { code, stderr } = await watching.ended;
    assert.deepEqual([code, stderr], [0, "cancellation received (signal: terminated)\n"]);
  });

  test("-http with port 0 does not ask the server at the default port", async () => {
    const { code, stderr } = await probeOnce("-http", "http://127.0.0.1:0/");
    assert.equal(code, 2);
    assert.doesNotMatch(stderr, /127\.0\.0\.1:80\b/);
  });

  test("-http sends no header that would be a second one", async () => {
    const requests: string[] = [];
    const target = await rawTarget((socket) => {
      socket.on("data", (bytes) => {
        requests.push(String(bytes));
        socket.end("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
      });
    });
    targets.push(target);
    const url = `http://127.0.0.1:${target.port}/`;
    for (const args of [
      ["-rpc-header", "a: s3cr3t\r\nb: c"],
      ["-rpc-header", "a-bin: s3cr3t\nb: c"],
      ["-rpc-header", "a\r\nb: s3cr3t"],
      ["-user-agent", "a\r\nb: c"],
      ["-authority", "a\r\nb: c"],
    ]) {
      const { code, stderr } = await probeOnce(...PATIENT, "-http", url, ...args);
      assert.equal(code, 3, JSON.stringify(args));
      assert.match(stderr, /header/);
      assert.doesNotMatch(stderr, /s3cr3t/);
    }
    assert.deepEqual(requests, []);
  });

  test("a flag with a wrong spelling shows no secret that follows it", async () => {
    for (const args of [
      ["---rpc-header=a: s3cr3t"],
      ["-rpc-header: s3cr3t"],
      ["-rpc-header a: s3cr3t"],
      ["-rpc-headers3cr3t"],
    ]) {
      const { code, stderr } = await probeOnce(...args);
      assert.equal(code, 1);
      assert.doesNotMatch(stderr, /s3cr3t/, args[0]);
    }
  });

  for (const flag of ["-tls-ca-cert", "-tls-client-cert"])
    test(`${flag} of a device without an end is refused, and does not fill the memory`, async () => {
      const pair = flag === "-tls-client-cert" ? ["-tls-client-key", "/dev/zero"] : [];
      const { code, stderr } = await probeOnce("-addr", addr, "-tls", flag, "/dev/zero", ...pair);
      assert.equal(code, 1);
      assert.match(stderr, /read \/dev\/zero: more than 16777216 bytes/);
    });
});
