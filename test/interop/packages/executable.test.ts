/** The single executable, in a root that has nothing but it and the C and C++ libraries. */
import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { readFileSync, statSync } from "node:fs";
import { createServer } from "node:net";
import { basename, join } from "node:path";
import { after, before, describe, type TestContext, test } from "node:test";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { InstalledPrograms } from "../../support/smoke/installed-programs.js";
import { get, serve } from "../../support/smoke/serving.js";
import { smokeRows } from "../../support/smoke/smoke.js";
import { installDebian, run } from "../install.js";
import { builtExecutable } from "./built-executable.js";
import { CleanRoot } from "./clean-root.js";
import { assertBound, pageForm, pageLines, sizeBounds } from "./install-page.js";

const BIN = "/usr/local/bin";

const CHECKOUT = fileURLToPath(new URL("../../..", import.meta.url));

const MAIN = fileURLToPath(new URL("../../../dist/cli/main.cjs", import.meta.url));

const LIBRARIES = ["ld-linux", "libc", "libdl", "libgcc_s", "libm", "libpthread", "libstdc++"];

/** The first words of a server that refuses a client, and the reason that healthbridge gives. */
const REFUSALS = {
  // ErrorResponse: severity, SQLSTATE, message
  postgres: [Buffer.from("E\0\0\0\x17SFATAL\0C28P01\0Mno\0\0", "latin1"), "auth"],
  // ERR_Packet 1040
  mysql: [Buffer.from("\x17\0\0\0\xff\x10\x04Too many connections", "latin1"), "unavailable"],
} as const;

/** The port of a server that says something to each client, and closes the connection. */
async function saying(t: TestContext, scheme: keyof typeof REFUSALS): Promise<number> {
  const [words] = REFUSALS[scheme];
  const server = createServer((socket) => {
    socket.on("error", () => {});
    if (scheme === "mysql") socket.end(words);
    else socket.once("data", () => socket.end(words));
  });
  await new Promise<void>((resolve) => void server.listen(0, "127.0.0.1", resolve));
  t.after(() => void server.close());
  return Object(server.address()).port;
}

describe("the single executable", () => {
  let executable = "";
  const root = new CleanRoot();
  const installation = new InstalledPrograms({
    name: "single executable",
    command: (program, folder) => root.command([`${BIN}/${program}`], folder),
  });
  before(() => {
    executable = builtExecutable();
    root.addLibraries(executable);
    for (const line of pageLines("install-executable", "sudo "))
      execFileSync("sh", ["-c", line.replace("sudo ", "").replaceAll(BIN, join(root.path, BIN))], { cwd: CHECKOUT });
  });
  after(() => root.remove());

  test("needs the C and C++ libraries, and no other file", () => {
    const names = root.files().map((path) =>
      basename(path)
        .replace(/\.so.*/, "")
        .replace(/^(ld-linux).*/, "$1"),
    );
    assert.deepEqual(names.sort(), ["grpc-health-probe", "healthbridge", ...LIBRARIES].sort());
  });

  smokeRows(() => installation);

  for (const scheme of ["postgres", "mysql"] as const)
    test(`has the client of ${scheme}://`, async (t) => {
      const url = `${scheme}://user:word@127.0.0.1:${await saying(t, scheme)}/data`;
      const { stdout, stderr } = await installation.run(["test", url, "--json"]);
      assert.equal(JSON.parse(stdout).reason, REFUSALS[scheme][1], stdout + stderr);
    });

  test("loads no code from the disk", async (t) => {
    const port = await saying(t, "postgres");
    const code = "process.stdout.write('loaded'); process.exit(9);";
    for (const folder of ["", BIN]) root.write(`${folder}/node_modules/pg/index.js`, code);
    const { code: exitCode, stdout } = await installation.run(["test", `postgres://u:p@127.0.0.1:${port}/d`, "--json"]);
    assert.notEqual(exitCode, 9);
    assert.equal(JSON.parse(stdout).reason, "auth");
  });

  test("is as small as docs/install.md says, and starts as fast as the npm package", () => {
    const bounds = sizeBounds(pageForm("single executable").size);
    assertBound(statSync(executable).size, bounds.bytes, "the executable");
    assertBound(gzipSync(readFileSync(executable)).length, bounds.compressedBytes, "the compressed executable");
    const timed = (...[program = "", ...args]: readonly string[]) => {
      const startedAt = performance.now();
      assert.equal(spawnSync(program, [...args, "--version"]).status, 0);
      return performance.now() - startedAt;
    };
    // in turns: another program of this machine slows both
    const times = Array.from({ length: 7 }, () => [timed(executable), timed(process.execPath, MAIN)] as const);
    const [own, npm] = [Math.min(...times.map(([ms]) => ms)), Math.min(...times.map(([, ms]) => ms))];
    assert.ok(own <= 2 * npm, `${own} ms, and ${npm} ms`);
  });

  test("has the licences of what it contains in a file beside it", () => {
    const text = readFileSync(join(executable, "../LICENSES.txt"), "utf8");
    for (const name of ["@grpc/grpc-js", "mysql2", "pg", "pg-types", "protobufjs", "re2js", "yaml"])
      assert.match(text, new RegExp(`^-{80}\\n\\n${name} \\d[\\d.]* \\([\\w.-]+\\)\\n`, "m"), name);
    assert.match(text, /Apache License\n/);
    assert.match(text, /Node\.js is licensed for use as follows/);
  });

  if (process.env.PACKAGES_PROOF !== undefined && process.arch === "x64")
    test("of arm64 serves, drains and answers a probe, under emulation", async (t) => {
      installDebian(["qemu-user-static", "libc6-arm64-cross", "libstdc++6-arm64-cross"]);
      run(process.execPath, ["--import", "tsx", "scripts/sea.ts", "--arch", "arm64"], { cwd: CHECKOUT });
      const emulated = ["qemu-aarch64-static", "-L", "/usr/aarch64-linux-gnu", `${executable}-arm64`];
      const arm64 = new InstalledPrograms({ name: "arm64", command: () => emulated });
      const { started, ports } = await serve(t, arm64, { text: `listen: ["127.0.0.1:0"]\ndrainDelay: 0s\n` });
      assert.equal(await get(`http://127.0.0.1:${ports[0]}/healthcheck`), "200 OK");
      const patient = ["-connect-timeout=60s", "-rpc-timeout=60s"];
      const probe = await started.exec("healthbridge", ["probe", `-addr=127.0.0.1:${ports[0]}`, ...patient]);
      assert.deepEqual([probe.code, probe.stderr], [0, "status: SERVING\n"]);
      started.signal("SIGTERM");
      assert.equal(await started.ended, 0);
    });
});
