/** A configuration file that is deleted while it is read again. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { loadConfig } from "../../src/cli/load-config.js";
import { Reloader } from "../../src/cli/reload.js";
import { FileThreads } from "../../src/config/file-operation.js";
import { FileWatch } from "../../src/config/file-watch.js";
import { keepAlive } from "../../src/core/background.js";
import { systemClock } from "../../src/core/clock.js";
import { startDaemon } from "../../src/daemon/daemon.js";

/** A reloader of a real file that is deleted as soon as it is read. Its log is the names of the events. */
async function reloader(t: TestContext) {
  const folder = mkdtempSync(join(tmpdir(), "healthbridge-"));
  t.after(() => rmSync(folder, { recursive: true }));
  const name = join(folder, "healthbridge.yaml");
  const text = 'listen: ["127.0.0.1:0"]\nchecks: {}\n';
  writeFileSync(name, text);
  const load = () => loadConfig(name, new Map());
  const threads = new FileThreads();
  const watch = new FileWatch(name, systemClock, threads);
  const loaded = await keepAlive(watch.read(load, () => {}));
  const events: string[] = [];
  const log = { write: (_level: string, event: string) => void events.push(event), close() {} };
  const daemon = await startDaemon(loaded, { instance: "a", log, environment: {} });
  const reload = async () => {
    rmSync(name, { force: true });
    return load();
  };
  const renew = () => assert.fail("the file names no other");
  const deps = { file: { name, watch }, reload, renew, clock: systemClock, threads, instance: "a", log };
  const reloader = new Reloader(deps, Promise.resolve(daemon), loaded);
  t.after(async () => {
    reloader.stop();
    watch.close();
    await daemon.stop({ drainDelayMs: 0 });
  });
  writeFileSync(name, `${text}# changed\n`);
  events.length = 0;
  return { reloader, events };
}

test("a file that is deleted while its change is read is missing, and not invalid", async (t) => {
  const { reloader: reloading, events } = await reloader(t);
  await keepAlive(reloading.request("changed"));
  assert.deepEqual(events, ["config-missing"]);
});

test("a file that is deleted while SIGHUP has it read is refused", async (t) => {
  const { reloader: reloading, events } = await reloader(t);
  assert.equal((await keepAlive(reloading.reload())).kind, "refused");
  assert.deepEqual(events, ["reload-refused"]);
});
