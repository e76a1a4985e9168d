/** Which files are read again, and when. The files and the clock are real. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { FileThreads } from "../../src/config/file-operation.js";
import type { NamedFile } from "../../src/config/files.js";
import { NamedFilesWatch } from "../../src/config/named-files-watch.js";
import { readRegularFileSync } from "../../src/config/read-file.js";
import { systemClock } from "../../src/core/clock.js";
import { eventually } from "../support/eventually.js";

function watched(t: TestContext, names: readonly string[]) {
  const folder = mkdtempSync(join(tmpdir(), "healthbridge-named-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const path = (name: string) => join(folder, name);
  for (const name of names) writeFileSync(path(name), "old");
  const files = (): readonly NamedFile[] =>
    names.map((name) => ({
      path: path(name),
      kind: "secret",
      content: readRegularFileSync(path(name)),
      partners: [],
    }));
  const events: string[][] = [];
  const watch = new NamedFilesWatch(systemClock, new FileThreads(), () => events.push([...watch.changed.keys()]));
  t.after(() => watch.close());
  watch.watch(files());
  return { path, watch, events, files };
}

test("only the files that have changed are read, and each is reported with its content", async (t) => {
  const { path, watch, events } = watched(t, ["a", "b", "c"]);
  writeFileSync(path("b"), "new");
  await eventually(() => events.length > 0, "a change is reported");
  assert.deepEqual(events, [[path("b")]]);
  const content = watch.changed.get(path("b"));
  assert.ok(content !== undefined && "text" in content && content.text === "new");
});

test("a FIFO instead of a file is a content that cannot be used, and does not delay others", async (t) => {
  const { path, watch, events } = watched(t, ["a", "b"]);
  rmSync(path("a"));
  execFileSync("mkfifo", [path("a")]);
  writeFileSync(path("b"), "new");
  await eventually(() => events.flat().includes(path("b")), "b is reported", 10_000);
  const content = watch.changed.get(path("a"));
  assert.ok(content !== undefined && "fault" in content && content.fault.includes("FIFO"), JSON.stringify(content));
});

test("the swap of a link, a file that comes back, and a rejected content that is kept for its partner", async (t) => {
  const { path, watch, events, files } = watched(t, ["a", "b"]);
  const before = files();
  writeFileSync(path("other"), "linked");
  symlinkSync("other", path("link"));
  renameSync(path("link"), path("a"));
  await eventually(() => events.length > 0, "the swap is reported");
  rmSync(path("b"));
  await eventually(() => watch.changed.has(path("b")), "the loss is reported");
  writeFileSync(path("b"), "old");
  const isBack = () => Object(watch.changed.get(path("b"))).text === "old";
  await eventually(isBack, "the file is read again");
  // what was rejected has its identity, and the content before it
  const rejected = before.map((file) => {
    const { identity } = watch.changed.get(file.path) ?? file.content;
    return { ...file, content: { ...file.content, identity } };
  });
  watch.watch(rejected);
  assert.equal(Object(watch.changed.get(path("a"))).text, "linked");
  const reports = events.length;
  writeFileSync(path("b"), "newest");
  await eventually(() => events.length > reports, "a later change is reported");
  assert.deepEqual([...watch.changed.keys()], [path("a"), path("b")]);
});

test("SIGHUP: every file is read now, also one whose change no poll has seen", async (t) => {
  const { path, watch } = watched(t, ["a", "b"]);
  writeFileSync(path("b"), "new");
  await watch.readAll();
  assert.deepEqual([...watch.changed.keys()], [path("b")]);
});
