/** Files on a mount that does not answer, or that fails for a moment. Needs root, FUSE and the build. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { DaemonProcess } from "../support/daemon-process.js";
import { eventually, pause } from "../support/eventually.js";
import { FuseFolder } from "../support/fuse-folder.js";

const EIO = 5;
const ESTALE = 116;
const EMFILE = 24;

/** A target that keeps the last secret of each path. */
async function startTarget(t: TestContext) {
  const secrets = new Map<string, string>();
  const server = createServer(({ url = "", headers }, response) => {
    secrets.set(url.slice(1), String(headers["x-secret"]));
    response.end();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.after(() => {
    server.close();
    server.closeAllConnections();
  });
  return { secrets, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` };
}

/** A daemon with a check for each file, which sends its content. */
async function start(t: TestContext, files: Readonly<Record<string, string>>) {
  const folder = mkdtempSync(join(tmpdir(), "healthbridge-hung-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const { secrets, url } = await startTarget(t);
  const checks = Object.entries(files).map(
    ([name, path]) =>
      `${name}: { target: "${url}/${name}", interval: 500ms, timeout: 400ms, headers: { x-secret: "\${file:${path}}" } }`,
  );
  const text = `listen: ["127.0.0.1:0"]\ndrainDelay: 0s\nchecks:\n  ${checks.join("\n  ")}\n`;
  const run = async (path: string) => {
    const daemon = await DaemonProcess.serve("-c", path);
    t.after(() => daemon.kill());
    const count = (event: string) => daemon.log.filter((line) => line.event === event).length;
    return { daemon, count };
  };
  return { secrets, text, folder, run, local: (name: string) => join(folder, name) };
}

const becomes = (secrets: ReadonlyMap<string, string>, name: string, secret: string, withinMs?: number) =>
  eventually(() => secrets.get(name) === secret, `${name} sends ${secret}`, withinMs);

test("a file whose mount does not answer keeps its content, and does not delay others, a shutdown, or its own renewal later", async (t) => {
  const mount = new FuseFolder(t);
  const remote = ["b", "c", "d"].map((name) => [name, mount.put(name, "old")] as const);
  const folder = mkdtempSync(join(tmpdir(), "healthbridge-hung-local-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const local = join(folder, "a");
  writeFileSync(local, "old", { mode: 0o600 });
  const it = await start(t, { a: local, ...Object.fromEntries(remote) });
  const file = it.local("healthbridge.yaml");
  writeFileSync(file, it.text);
  const { daemon, count } = await it.run(file);
  await becomes(it.secrets, "d", "old");
  for (const [name] of remote) mount.put(name, "new one", "hangs");
  await pause(3_000);
  writeFileSync(local, "new");
  await becomes(it.secrets, "a", "new", 10_000);
  assert.equal(count("file-reload-failed"), 0);
  assert.equal(it.secrets.get("b"), "old");
  for (const [name] of remote) mount.setState(name, "answers");
  for (const [name] of remote) await becomes(it.secrets, name, "new one");
  for (const [name] of remote) mount.put(name, "newest", "hangs");
  await pause(3_000);
  daemon.process.kill("SIGTERM");
  // Node itself would wait for its threads
  assert.deepEqual(await daemon.ended(10_000), { code: null, signal: "SIGKILL" });
  assert.equal(count("stopped"), 1);
});

for (const [name, code] of Object.entries({ EIO, ESTALE, EMFILE }))
  test(`a file that cannot be read for a moment (${name}) is read again without another change, and reported once`, async (t) => {
    const mount = new FuseFolder(t);
    const it = await start(t, { a: mount.put("a", "old") });
    const file = it.local("healthbridge.yaml");
    writeFileSync(file, it.text);
    const { daemon, count } = await it.run(file);
    await becomes(it.secrets, "a", "old");
    mount.put("a", "new one", code);
    await eventually(() => count("file-reload-failed") === 1, "the error is reported");
    await pause(4_000);
    mount.setState("a", "answers");
    await becomes(it.secrets, "a", "new one");
    assert.equal(count("file-reload-failed"), 1);
    const line = daemon.log.find(({ event }) => event === "file-reload-failed");
    assert.match(String(line?.msg), /cannot read the file .* \(.*\); keeping its previous content/);
  });

test("a configuration on a mount that does not answer: clients are answered, secrets are renewed, and the file is read later", async (t) => {
  const mount = new FuseFolder(t);
  const it = await start(t, { a: mount.put("unused", "x") });
  const local = it.local("a");
  writeFileSync(local, "old", { mode: 0o600 });
  const text = it.text.replace(/\$\{file:[^}]*\}/, `\${file:${local}}`);
  const { daemon, count } = await it.run(mount.put("healthbridge.yaml", text));
  await becomes(it.secrets, "a", "old");
  mount.put("healthbridge.yaml", `${text}# changed\n`, "hangs");
  daemon.process.kill("SIGHUP");
  for (let index = 0; index < 40; index += 1) {
    const startedAt = performance.now();
    assert.equal((await fetch(`http://127.0.0.1:${daemon.port}/livez`)).status, 200);
    assert.ok(performance.now() - startedAt < 1_000);
    await pause(50);
  }
  assert.match(String(daemon.log.find(({ event }) => event === "reload-refused")?.msg), /does not answer/);
  writeFileSync(local, "new");
  await becomes(it.secrets, "a", "new", 10_000);
  mount.setState("healthbridge.yaml", "answers");
  await eventually(() => count("reloaded") > 0, "the file is read");
  assert.equal(daemon.exit, undefined);
});
