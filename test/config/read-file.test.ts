/** Files that are no files: nothing that a configuration names can block or fill healthbridge. Needs the build for pipes. */
import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { fileURLToPath } from "node:url";
import { readConfigFile } from "../../src/config/load.js";
import { faultsOf } from "./reading.js";

const MAIN = fileURLToPath(new URL("../../dist/cli/main.cjs", import.meta.url));

function folderOf(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), "healthbridge-files-"));
  t.after(() => rmSync(folder, { recursive: true }));
  return folder;
}

async function oddFiles(t: TestContext): Promise<readonly (readonly [path: string, fault: string])[]> {
  const folder = folderOf(t);
  const [fifo, socket, big] = [join(folder, "fifo"), join(folder, "socket"), join(folder, "big")];
  execFileSync("mkfifo", [fifo]);
  const server = createServer().listen(socket);
  await once(server, "listening");
  t.after(() => server.close());
  writeFileSync(big, Buffer.alloc(1_048_577, "x"), { mode: 0o600 });
  return [
    ["/dev/zero", ": it is a device, not a regular file"],
    ["/dev/tty", ": it is a device, not a regular file"],
    [fifo, ": it is a named pipe (FIFO), not a regular file"],
    [socket, ": it is a socket, not a regular file"],
    [folder, ": it is a directory, not a regular file"],
    [big, ": it has 1048577 bytes; the limit is 1048576"],
    ["/proc/kallsyms", ": it has more than 1048576 bytes; the limit is 1048576"],
    [join(folder, "none"), ": not found (ENOENT)"],
  ];
}

const KEYS: Readonly<Record<string, (path: string) => string>> = {
  "a value": (path) => `checks: { a: { heartbeat: { ttl: 1m, token: "\${file:${path}}" } } }`,
  "the token": (path) => `tokenFile: ${path}`,
  "the certificate": (path) => `tls: { certFile: ${path}, keyFile: ${path} }`,
  "a CA of a target": (path) => `checks: { a: { target: "https://h/", tls: { caFile: ${path} } } }`,
};

test("a path to anything but a regular file of at most 1 MiB is a fault that names it, wherever it stands", async (t) => {
  for (const [path, fault] of await oddFiles(t)) {
    for (const [key, textOf] of Object.entries(KEYS)) {
      const startedAt = performance.now();
      const faults = faultsOf(textOf(path)).join("\n");
      assert.ok(faults.includes(`cannot read the file ${path}${fault}`), `${key} from ${path}: ${faults}`);
      assert.ok(performance.now() - startedAt < 2_000, `${key} from ${path} is refused at once`);
    }
    assert.throws(
      () => readConfigFile(path, {}),
      (error) => error instanceof Error && error.message === `${path}: cannot read this file${fault}`,
      path,
    );
  }
});

test("a file of /proc, which has no size, is read to its end", () => {
  assert.deepEqual(faultsOf('checks: { a: "tcp://${file:/proc/sys/kernel/ostype}:1" }'), []);
});

test("many long files are refused when they are too long together", (t) => {
  const folder = folderOf(t);
  const names = Array.from({ length: 20 }, (_, index) => join(folder, `${index}`));
  for (const name of names) writeFileSync(name, Buffer.alloc(1_048_576, "x"), { mode: 0o600 });
  const values = (paths: readonly string[]) =>
    `checks:\n${paths.map((path, i) => `  c${i}: { target: "http://h/", headers: { x: "\${file:${path}}" } }\n`).join("")}`;
  assert.match(faultsOf(values(names)).join("\n"), /the files that the configuration names have more than/);
});

async function validatePipe(write: (pipe: NodeJS.WritableStream) => void, path = "/dev/stdin") {
  const child = spawn("sh", ["-c", 'cat | "$0" "$1" validate -c "$2"', process.execPath, MAIN, path]);
  let output = "";
  for (const stream of [child.stdout, child.stderr])
    stream.on("data", (text) => {
      output += text;
    });
  child.stdin.on("error", () => {});
  write(child.stdin);
  const [code] = await once(child, "close");
  return { code, output };
}

test("a configuration comes through a pipe, also in parts, and has the same limit", async () => {
  const inParts = (pipe: NodeJS.WritableStream) => {
    pipe.write("checks:\n");
    setTimeout(() => pipe.end("  a: tcp://h:1\n"), 300);
  };
  for (const path of ["-", "/dev/stdin", "/dev/fd/0"]) {
    const { code, output } = await validatePipe(inParts, path);
    assert.deepEqual([code, output], [0, `${path} is valid: 1 check, 0 services\n`]);
  }
  const { code, output } = await validatePipe((pipe) => pipe.end("#".repeat(1_100_000)));
  assert.equal(code, 2);
  assert.match(output, /cannot read this file: it has more than 1048576 bytes; the limit is 1048576/);
});
