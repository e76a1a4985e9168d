/** When a configuration file is read. The files are real, the clock is virtual: its time and that of a file are compared. */
import assert from "node:assert/strict";
import { createHook } from "node:async_hooks";
import {
  appendFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { FileThreads } from "../../src/config/file-operation.js";
import { FileWatch } from "../../src/config/file-watch.js";
import { eventually } from "../support/eventually.js";
import { settle, VirtualClock } from "../support/virtual-clock.js";

/** Operations on files that run. */
const operations = new Set<number>();
createHook({
  init(id, type) {
    if (/^FSREQ|^FILEHANDLECLOSE/.test(type)) operations.add(id);
  },
  after: (id) => void operations.delete(id),
}).enable();

/** Operations on files take no virtual time. */
class FileClock extends VirtualClock {
  protected override async settle(): Promise<void> {
    do await settle();
    while (operations.size > 0);
    await settle();
  }
}

interface Watched {
  readonly file: string;
  readonly clock: VirtualClock;
  readonly watch: FileWatch;
  readonly reports: string[];
  /** Everything that was read, in order. */
  readonly contents: string[];
  /** Starts to read the file. */
  readonly read: () => Promise<void>;
  readonly isChanged: () => Promise<boolean>;
}

function watched(t: TestContext, text: string | undefined): Watched {
  const folder = mkdtempSync(join(tmpdir(), "healthbridge-watch-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const file = join(folder, "healthbridge.yaml");
  if (text !== undefined) writeFileSync(file, text);
  const clock = new FileClock();
  const watch = new FileWatch(file, clock, new FileThreads());
  t.after(() => watch.close());
  const [reports, contents]: [string[], string[]] = [[], []];
  const onSlow = (report: string) => void reports.push(report);
  const readText = async () => void contents.push(readFileSync(file, "utf8"));
  return {
    ...{ file, clock, watch, reports, contents },
    read: () => watch.read(readText, onSlow),
    isChanged: () => watch.isChanged(onSlow),
  };
}

/** Sets the virtual wall clock to a time after the last change of the file. */
function setAge({ file, clock }: Watched, ageMs: number): void {
  clock.wallOffset = 0;
  const { ctimeMs, mtimeMs } = statSync(file);
  clock.wallOffset = Math.max(ctimeMs, mtimeMs) + ageMs - clock.wallTime();
}

test("a file that has not changed for 500 ms is read at once", async (t) => {
  const it = watched(t, "a");
  setAge(it, 500);
  const reading = it.read();
  await it.clock.advance(0);
  assert.deepEqual(it.contents, ["a"]);
  await reading;
});

test("a younger file is read when it is 500 ms old", async (t) => {
  const it = watched(t, "a");
  setAge(it, 200);
  const reading = it.read();
  await it.clock.advance(299);
  assert.deepEqual(it.contents, []);
  await it.clock.advance(2);
  assert.deepEqual(it.contents, ["a"]);
  await reading;
});

test("a file from the future is read after 500 ms without a change", async (t) => {
  const it = watched(t, "a");
  setAge(it, 60_000);
  utimesSync(it.file, new Date(), new Date(Date.now() + 86_400_000));
  const reading = it.read();
  await it.clock.advance(499);
  assert.deepEqual(it.contents, []);
  await it.clock.advance(1);
  assert.deepEqual(it.contents, ["a"]);
  await reading;
});

test("a copy that keeps an old time of modification is as young as the copy", async (t) => {
  const it = watched(t, "a");
  utimesSync(it.file, new Date(0), new Date(0));
  setAge(it, 100);
  let isRead = false;
  const read = async () => {
    isRead = true;
  };
  const reading = new FileWatch(it.file, it.clock, new FileThreads()).read(read, () => {});
  await it.clock.advance(399);
  assert.equal(isRead, false);
  await it.clock.advance(2);
  assert.equal(isRead, true);
  await reading;
});

test("a file that is written piece by piece is read when it is complete", async (t) => {
  const it = watched(t, "");
  const reading = it.read();
  for (let piece = 0; piece < 20; piece += 1) {
    await it.clock.advance(100);
    appendFileSync(it.file, "x");
  }
  await it.clock.advance(1_100);
  assert.deepEqual(it.contents, ["x".repeat(20)]);
  assert.deepEqual(it.reports, []);
  await reading;
});

test("a file that is replaced meanwhile is read in its new version", async (t) => {
  const it = watched(t, "old");
  const reading = it.read();
  await it.clock.advance(400);
  writeFileSync(`${it.file}.new`, "new");
  renameSync(`${it.file}.new`, it.file);
  await it.clock.advance(1_100);
  assert.deepEqual(it.contents, ["new"]);
  await reading;
});

test("a file that is deleted and written again is not a missing file", async (t) => {
  const it = watched(t, "old");
  setAge(it, 60_000);
  rmSync(it.file);
  const reading = it.read();
  await it.clock.advance(400);
  writeFileSync(it.file, "new");
  await it.clock.advance(1_100);
  assert.deepEqual(it.contents, ["new"]);
  await reading;
});

test("a file that has never existed is read at once, and fails", async (t) => {
  const it = watched(t, undefined);
  await assert.rejects(it.read(), /ENOENT/);
});

test("a directory is read at once, and fails", async (t) => {
  const it = watched(t, undefined);
  mkdirSync(it.file);
  const watch = new FileWatch(it.file, it.clock, new FileThreads());
  const read = async () => void readFileSync(it.file);
  await assert.rejects(
    watch.read(read, () => {}),
    /EISDIR/,
  );
});

test("a file that does not stop to change is reported once after 10 s, and read when it stops", async (t) => {
  const it = watched(t, "");
  const reading = it.read();
  for (let piece = 0; piece < 150; piece += 1) {
    await it.clock.advance(100);
    appendFileSync(it.file, "x");
    if (piece === 90) assert.deepEqual(it.reports, []);
  }
  assert.deepEqual(it.reports, ["has been changing for 10s; it is read when it has been unchanged for 500 ms"]);
  assert.deepEqual(it.contents, []);
  await it.clock.advance(1_100);
  assert.deepEqual(it.contents, ["x".repeat(150)]);
  await reading;
});

test("a report that throws gives up", async (t) => {
  const it = watched(t, "");
  const refuse = () => {
    throw new Error("changing");
  };
  const reading = assert.rejects(
    it.watch.read(async () => {}, refuse),
    /changing/,
  );
  for (let piece = 0; piece < 110; piece += 1) {
    await it.clock.advance(100);
    appendFileSync(it.file, "x");
  }
  await reading;
});

test("a file that changes while it is read is read again, also when the first reading fails", async (t) => {
  const it = watched(t, "old");
  setAge(it, 60_000);
  let readings = 0;
  const read = async () => {
    readings += 1;
    if (readings > 1) return readFileSync(it.file, "utf8");
    writeFileSync(it.file, "newer");
    throw new Error("half a file");
  };
  const reading = it.watch.read(read, () => {});
  await it.clock.advance(1_000);
  assert.equal(await reading, "newer");
  assert.equal(readings, 2);
});

test("only another content is a change, not another time; nor is a missing file", async (t) => {
  const it = watched(t, "a");
  setAge(it, 60_000);
  await it.read();
  const changed = async () => {
    const answer = it.isChanged();
    await it.clock.advance(1_000);
    return answer;
  };
  utimesSync(it.file, new Date(0), new Date(0));
  assert.equal(await changed(), false);
  writeFileSync(it.file, "b");
  utimesSync(it.file, new Date(0), new Date(0));
  assert.equal(await changed(), true);
  rmSync(it.file);
  assert.equal(await changed(), false);
  writeFileSync(it.file, "a");
  assert.equal(await changed(), false);
});

test("a change is seen within ten seconds also when the kernel sends no event", async (t) => {
  const { file, clock } = watched(t, "a");
  const link = `${file}.d/link.yaml`;
  mkdirSync(`${file}.d`);
  symlinkSync("../healthbridge.yaml", link);
  const watch = new FileWatch(link, clock, new FileThreads());
  t.after(() => watch.close());
  let changes = 0;
  watch.start(() => {
    changes += 1;
  });
  await clock.advance(0);
  writeFileSync(file, "b"); // in another folder than the link
  await clock.advance(9_999);
  assert.equal(changes, 0);
  await clock.advance(1);
  assert.equal(changes, 1);
});

test("the folder is watched again when another one has taken its place", async (t) => {
  const { file, clock } = watched(t, undefined);
  const folder = `${file}.d`;
  mkdirSync(folder);
  writeFileSync(`${folder}/f.yaml`, "a");
  const watch = new FileWatch(`${folder}/f.yaml`, clock, new FileThreads());
  t.after(() => watch.close());
  let changes = 0;
  watch.start(() => {
    changes += 1;
  });
  renameSync(folder, `${folder}.old`);
  mkdirSync(folder);
  writeFileSync(`${folder}/f.yaml`, "b");
  await clock.advance(10_000);
  const before = changes;
  assert.ok(before >= 1);
  writeFileSync(`${folder}/f.yaml`, "c");
  await eventually(() => changes > before, "an event of the new folder");
});
