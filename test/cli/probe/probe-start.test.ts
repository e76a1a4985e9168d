/**
 * What the start of a plain probe costs. `npm run bench -- probe` measures it; these tests hold what makes it cheap.
 */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { readProbeTarget } from "../../../src/cli/probe/probe-target.js";
import { Health } from "../../../src/index.js";
import { portOf } from "../../support/port-of.js";

const BUNDLE = fileURLToPath(new URL("../../../dist/cli/grpc-health-probe.cjs", import.meta.url));
const MAIN = fileURLToPath(new URL("../../../dist/cli/main.cjs", import.meta.url));

/** Reports the modules of Node that a program has loaded, and the parts of the bundle that it has compiled. */
const HOOK = `
const vm = require("node:vm"), { writeSync } = require("node:fs"), parts = [];
const { compileFunction } = vm;
vm.compileFunction = (code, names, options) => {
  parts.push(options.filename.replace(/^.*\\/|-[A-Z0-9]{8}\\.js$/g, ""));
  return compileFunction(code, names, options);
};
process.on("exit", () => {
  const modules = process.moduleLoadList.filter((name) => name.startsWith("NativeModule "));
  writeSync(1, "\\n" + JSON.stringify({ modules, parts }));
});`;

/** The least that a probe needs of Node: a connection. */
const CONNECTION = `
const port = Number(process.argv[2].split(":")[1]);
const socket = require("node:net").connect({ host: "127.0.0.1", port, onread: { buffer: Buffer.alloc(9), callback() {} } });
process.on("SIGINT", () => {});
socket.on("error", () => {}).once("connect", () => setImmediate(() => process.exit(0)));`;

interface Started {
  readonly code: number;
  readonly modules: readonly string[];
  readonly parts: readonly string[];
}

test("HOST:PORT, which is read without the rules of all targets, is the same as by those rules", () => {
  // a scheme that names a plain address is read by all rules
  const read = (addr: string) => JSON.parse(JSON.stringify(readProbeTarget(addr)));
  const hosts = ["", "localhost", "127.0.0.1", "orders.internal", "orders.internal.", "a_b-c", "0", "dnsx", "xunix"];
  for (const host of hosts)
    for (const port of ["1", "80", "50051", "59999", "60000", "65535"]) {
      const addr = `${host}:${port}`;
      assert.deepEqual(read(addr), read(`passthrough:///${addr}`), addr);
    }
  assert.deepEqual(readProbeTarget("unix:5000").address, { path: "5000" });
  for (const addr of ["dns:5000", "DNS:5000"]) assert.equal(readProbeTarget(addr).authority, "5000", addr);
  assert.throws(() => readProbeTarget("ipv4:80"), /is not an IPv4 address/);
  for (const addr of ["localhost:65536", "localhost:99999"]) assert.throws(() => readProbeTarget(addr), /invalid port/);
});

describe("the start of a probe", () => {
  const folder = mkdtempSync(join(tmpdir(), "healthbridge-"));
  const file = (name: string) => join(folder, name);
  const health = new Health();
  let addr = "";

  before(async () => {
    addr = `-addr=127.0.0.1:${portOf(await health.listen(["127.0.0.1:0"]))}`;
    writeFileSync(file("hook.cjs"), HOOK);
    writeFileSync(file("connection.cjs"), CONNECTION);
    writeFileSync(file("empty.cjs"), "");
    copyFileSync(BUNDLE, file("copy.cjs"));
  });

  after(async () => {
    await health.shutdown({ drainDelayMs: 0 });
    rmSync(folder, { recursive: true });
  });

  function run(...args: readonly string[]): Promise<{ readonly code: number; readonly stdout: string }> {
    const { NODE_EXTRA_CA_CERTS, ...env } = process.env;
    return new Promise((resolve) => {
      execFile(process.execPath, args, { env }, (error, stdout) => {
        resolve({ code: typeof error?.code === "number" ? error.code : 0, stdout });
      });
    });
  }

  async function start(...args: readonly string[]): Promise<Started> {
    const { code, stdout } = await run("--require", file("hook.cjs"), ...args);
    return { code, ...JSON.parse(stdout.slice(stdout.lastIndexOf("\n"))) };
  }

  const plain = () => [addr, "-connect-timeout=10s", "-rpc-timeout=10s"];

  test("a plain probe loads no module of Node beside those of one connection [A144]", async () => {
    const least = new Set((await start(file("connection.cjs"), addr)).modules);
    for (const program of [[BUNDLE], [MAIN, "probe"]]) {
      const { code, modules } = await start(...program, ...plain());
      assert.equal(code, 0);
      assert.deepEqual(
        modules.filter((name) => !least.has(name)),
        [],
      );
    }
  });

  test("a plain probe compiles no part that it does not need, and other probes only theirs", async () => {
    const partsOf = async (...args: readonly string[]) => (await start(BUNDLE, ...args)).parts;
    assert.deepEqual(await partsOf(...plain(), "-service="), []);
    assert.deepEqual(await partsOf(...plain(), "-json"), []);
    assert.ok((await partsOf(...plain(), "-list")).includes("list-attempt"));
    assert.ok((await partsOf("-version")).includes("probe-texts"));
  });

  test("the code that a plain probe reads has at most 64,000 bytes", () => {
    const text = readFileSync(BUNDLE, "utf8");
    const codeBytes = text.lastIndexOf("function textOf(");
    assert.ok(codeBytes > 0 && codeBytes <= 64_000, String(codeBytes));
  });

  test("a copy of the one file has all parts", async () => {
    for (const flags of [["-list"], ["-gzip"], ["-json"], ["-version"], [`-http=http://${addr.slice(6)}/readyz`]]) {
      const args = flags[0]?.startsWith("-http") ? flags : [...plain(), ...flags];
      assert.equal((await start(file("copy.cjs"), ...args)).code, 0, flags.join());
    }
    const tls = await start(file("copy.cjs"), ...plain(), "-tls");
    assert.equal(tls.code, 2);
    assert.ok(tls.parts.includes("tls-credentials") && tls.parts.includes("probe-cause"), tls.parts.join());
  });

  test("a plain probe takes at most twice the time of an empty script, and 150 ms", async () => {
    const times = { empty: [] as number[], probe: [] as number[] };
    for (let round = 0; round < 7; round += 1)
      for (const [name, args] of [
        ["empty", [file("empty.cjs")]],
        ["probe", [BUNDLE, ...plain()]],
      ] as const) {
        const startedAt = performance.now();
        assert.equal((await run(...args)).code, 0);
        times[name].push(performance.now() - startedAt);
      }
    // the fastest of several: the others have waited for other programs of the machine
    const [empty, probe] = [Math.min(...times.empty), Math.min(...times.probe)];
    assert.ok(probe <= 2 * empty + 150, `${probe} ms, an empty script ${empty} ms`);
  });
});
