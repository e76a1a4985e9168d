import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import {
  chmodSync,
  closeSync,
  constants,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { type Published, subscribe } from "../../src/core/channels.js";
import { type Clock, systemClock } from "../../src/core/clock.js";
import { HealthError } from "../../src/core/health-error.js";
import { lockFolder } from "../../src/telemetry/folder-lock.js";
import { Journal } from "../../src/telemetry/journal.js";
import { decodeJournal, encodeRecord } from "../../src/telemetry/journal-lines.js";
import { eventually, inTime, pause } from "../support/eventually.js";
import { VirtualClock } from "../support/virtual-clock.js";

const directory = mkdtempSync(join(tmpdir(), "healthbridge-journal-"));
after(() => rmSync(directory, { recursive: true }));
let folders = 0;
const newFolder = () => {
  folders += 1;
  return join(directory, String(folders));
};
const deps = { clock: systemClock, instance: "journal-test" };
/** A clock on which a second passes in so many milliseconds. */
const fastClock = (ms: number): Clock => ({
  ...systemClock,
  now: () => (performance.now() * 1_000) / ms,
  setTimer: (delayMs, action) => systemClock.setTimer((delayMs * ms) / 1_000, action),
});
const open = (folder: string) => Journal.open(folder, deps);
const fileOf = (folder: string) => join(folder, "journal");
const record = (key: string, value: unknown, type = "heartbeat") => ({ type, key, value });

function published<Name extends "journal-damaged" | "journal-failed" | "journal-full">(name: Name) {
  const messages: Published<Name>[] = [];
  return { messages, unsubscribe: subscribe(name, (message) => messages.push(message)) };
}

/** Closes a journal whose clock is fast: it waits less than a second for the disk. */
async function closeFast(journal: Journal, folder: string): Promise<void> {
  await journal.close();
  await eventually(() => !existsSync(join(folder, "lock")), "the folder is free");
}

/** The values of a closed journal. */
async function valuesIn(folder: string, keys: readonly string[]): Promise<unknown[]> {
  const journal = await open(folder);
  const values = keys.map((key) => journal.get("heartbeat", key));
  await journal.close();
  return values;
}

test("what was put is there after a restart, the newest value of each key, and what was removed is not", async () => {
  const folder = newFolder();
  const first = await open(folder);
  first.put("heartbeat", "a", { report: "fail", at: 1 });
  first.put("heartbeat", "a", { report: "pass", at: 2 });
  first.put("heartbeat", "b", { report: "pass", at: 3 });
  first.put("heartbeat", "b", undefined);
  first.put("heartbeat", "ü\n\u0000 c", "text");
  await first.close();
  first.put("heartbeat", "a", "too late");
  assert.deepEqual(first.get("heartbeat", "a"), { report: "pass", at: 2 });
  const values = await valuesIn(folder, ["a", "b", "ü\n\u0000 c"]);
  assert.deepEqual(values, [{ report: "pass", at: 2 }, undefined, "text"]);
  assert.deepEqual(await valuesIn(folder, ["a"]), [{ report: "pass", at: 2 }], "and after a second one");
});

test("keys of types that this version does not know are kept", async () => {
  const folder = newFolder();
  mkdirSync(folder);
  writeFileSync(fileOf(folder), encodeRecord(record("x", [1], "drain-of-the-future")));
  const journal = await open(folder);
  journal.put("heartbeat", "a", 1);
  await journal.close();
  const again = await open(folder);
  assert.deepEqual([again.get("drain-of-the-future", "x"), again.get("heartbeat", "a")], [[1], 1]);
  await again.close();
});

test("a folder that does not exist is created for its owner alone, and so is the file", async () => {
  const folder = newFolder();
  await (await open(folder)).close();
  assert.deepEqual([statSync(folder).mode & 0o777, statSync(fileOf(folder)).mode & 0o777], [0o700, 0o600]);
});

test("a journal that is cut at any byte has every record that was whole, and the torn tail is reported once", async () => {
  const lines = ["a", "b", "ü"].map((key, index) => encodeRecord(record(key, { index })));
  const bytes = Buffer.from(lines.join(""));
  const ends = lines.map((_, index) => Buffer.byteLength(lines.slice(0, index + 1).join("")));
  for (let length = 0; length <= bytes.length; length += 1) {
    const { records, damagedLines, tornBytes } = decodeJournal(bytes.subarray(0, length));
    const whole = ends.filter((end) => end <= length);
    assert.equal(records.length, whole.length, `cut at ${length}`);
    assert.deepEqual([damagedLines, tornBytes], [0, length - (whole.at(-1) ?? 0)]);
  }
  const folder = newFolder();
  mkdirSync(folder);
  const { messages, unsubscribe } = published("journal-damaged");
  for (const cut of [1, 7, 20]) {
    writeFileSync(fileOf(folder), bytes);
    truncateSync(fileOf(folder), bytes.length - cut);
    assert.deepEqual(await valuesIn(folder, ["a", "b", "ü"]), [{ index: 0 }, { index: 1 }, undefined]);
    assert.equal(messages.length, 1, "reported");
    assert.deepEqual(await valuesIn(folder, ["b"]), [{ index: 1 }]);
    assert.equal(messages.splice(0).length, 1, "once: the file was written anew");
  }
  unsubscribe();
});

test("with any byte changed, removed or inserted, every other record is still read, and nothing wrong is", () => {
  const records = ["a", "b", "c"].map((key) => record(key, { report: "pass", at: 1_767_225_600_000 }));
  const bytes = Buffer.from(records.map(encodeRecord).join(""));
  const originals = new Set(records.map((each) => JSON.stringify(each)));
  for (let at = 0; at < bytes.length; at += 1)
    for (const damaged of [
      Buffer.concat([bytes.subarray(0, at), Buffer.from([(bytes[at] ?? 0) ^ 1]), bytes.subarray(at + 1)]),
      Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + 1)]),
      Buffer.concat([bytes.subarray(0, at), Buffer.from("\n"), bytes.subarray(at)]),
      Buffer.concat([bytes.subarray(0, at), Buffer.alloc(40), bytes.subarray(at)]),
    ]) {
      const read = decodeJournal(damaged);
      assert.ok(read.records.length >= 1, `at ${at}`);
      for (const each of read.records) assert.ok(originals.has(JSON.stringify(each)), JSON.stringify(each));
    }
});

for (const [label, text] of [
  ["an empty file", ""],
  ["zeros", "\0".repeat(5_000)],
  ["another text", "{}\nhello\n\n"],
  ["a line with a right checksum that is no record", lineOf("[]") + lineOf('{"type":1,"key":"a"}') + lineOf("{x}")],
  ["a length that is too long", "999999999999 00000000 {}\n"],
] as const)
  test(`a journal with ${label} starts empty`, async () => {
    const folder = newFolder();
    mkdirSync(folder);
    writeFileSync(fileOf(folder), text);
    assert.deepEqual(await valuesIn(folder, ["a"]), [undefined]);
    assert.equal(readFileSync(fileOf(folder), "utf8"), "");
  });

const tailOf = (folder: string) => readFileSync(fileOf(folder), "utf8").slice(-100);

function lineOf(json: string): string {
  const [, checksum] = /"v":(.*)/.exec(json) ?? [];
  return `${Buffer.byteLength(json)} ${checksum ?? "00000000"} ${json}\n`;
}

test("a million puts to 100 keys are written in few writes, and the file stays small", async () => {
  const folder = newFolder();
  const journal = await open(folder);
  const startedAt = performance.now();
  for (let round = 0; round < 10_000; round += 1) {
    for (let key = 0; key < 100; key += 1) journal.put("heartbeat", `check-${key}`, { report: "pass", at: round });
    if (round % 1_000 === 0) await new Promise((resolve) => setTimeout(resolve, 1));
  }
  await journal.close();
  assert.ok(performance.now() - startedAt < 20_000);
  assert.ok(statSync(fileOf(folder)).size < 100_000, String(statSync(fileOf(folder)).size));
  assert.deepEqual(await valuesIn(folder, ["check-99"]), [{ report: "pass", at: 9_999 }]);
});

test("a file that has grown is written anew with the newest values, and nothing else is left in the folder", async () => {
  const folder = newFolder();
  const journal = await Journal.open(folder, { ...deps, clock: fastClock(1) });
  const value = "x".repeat(50_000);
  let largest = 0;
  for (let round = 0; round < 60; round += 1) {
    journal.put("heartbeat", `check-${round % 2}`, value + round);
    await eventually(() => tailOf(folder).endsWith(`x${round}"}\n`), `round ${round} is written`);
    largest = Math.max(largest, statSync(fileOf(folder)).size);
  }
  await closeFast(journal, folder);
  assert.ok(largest > 500_000 && largest < 1_200_000, `grew to ${largest}`);
  assert.deepEqual(readdirSync(folder), ["journal"]);
  assert.deepEqual(await valuesIn(folder, ["check-0", "check-1"]), [`${value}58`, `${value}59`]);
});

const refused = (folder: string, message: RegExp) =>
  assert.rejects(
    open(folder),
    (error) => error instanceof HealthError && error.code === "STATE_FAILED" && message.test(error.message),
  );

test("a folder that another process or another journal uses is refused, and is free again when that has ended", async () => {
  const folder = newFolder();
  const journal = await open(folder);
  await refused(folder, /another healthbridge uses this folder/);
  await journal.close();
  await (await open(folder)).close();
});

test("the lock of a process that was killed is taken over, also when the path is long", async () => {
  for (const folder of [newFolder(), join(newFolder(), "long".repeat(40))]) {
    mkdirSync(folder, { recursive: true });
    const lock = await lockFolder(folder);
    assert.ok(lock !== undefined);
    assert.equal(await lockFolder(folder), undefined);
    await lock.release();
    assert.deepEqual(readdirSync(folder), [], "nothing is left");
    const code = `require("net").createServer().listen(process.argv[1], () => console.log("locked"))`;
    const holder = spawn(process.execPath, ["-e", code, "lock"], { cwd: folder, stdio: ["ignore", "pipe", "inherit"] });
    await once(holder.stdout, "data");
    assert.equal(await lockFolder(folder), undefined);
    holder.kill("SIGSTOP");
    assert.equal(await lockFolder(folder), undefined, "a stopped process still holds it");
    holder.kill("SIGKILL");
    await once(holder, "exit");
    assert.ok(existsSync(join(folder, "lock")));
    const taken = await lockFolder(folder);
    assert.ok(taken !== undefined);
    assert.equal(await taken.isHeld(), true);
    await taken.release();
  }
});

for (const [label, prepare, message] of [
  ["a file", (folder: string) => writeFileSync(folder, ""), /not a folder/],
  ["in a folder that does not exist", (folder: string) => assert.ok(!existsSync(folder)), /ENOENT/],
  ["below a file", (folder: string) => writeFileSync(join(folder, ".."), ""), /EEXIST|ENOTDIR|EISDIR/],
  ["a link that leads nowhere", (folder: string) => symlinkSync("nowhere", folder), /ENOENT|EEXIST/],
  [
    "a folder whose journal is a folder",
    (folder: string) => mkdirSync(fileOf(folder), { recursive: true }),
    /regular file/,
  ],
  [
    "a folder whose journal is a FIFO",
    (folder: string) => {
      mkdirSync(folder);
      execFileSync("mkfifo", [fileOf(folder)]);
    },
    /regular file/,
  ],
  [
    "a folder whose lock is a file of the operator",
    (folder: string) => {
      mkdirSync(folder);
      writeFileSync(join(folder, "lock"), "mine");
    },
    /lock is not a socket/,
  ],
  [
    "a folder whose journal is too long",
    (folder: string) => {
      mkdirSync(folder);
      writeFileSync(fileOf(folder), "");
      truncateSync(fileOf(folder), 67_108_865);
    },
    /has 67108865 bytes; a journal has at most 67108864/,
  ],
] as const)
  test(`stateDir that is ${label} is refused with what is wrong, and nothing of it is changed`, async () => {
    const isBelow = /^below|does not exist/.test(label);
    const folder = isBelow ? join(newFolder(), "x") : newFolder();
    prepare(folder);
    await refused(folder, message);
    const lock = join(folder, "lock");
    if (label.includes("of the operator")) assert.equal(readFileSync(lock, "utf8"), "mine");
    else assert.ok(!existsSync(lock), "the folder is free");
  });

test("while the folder is gone, `put` works, nothing is lost in memory, and the failure is reported", async () => {
  const folder = newFolder();
  const journal = await Journal.open(folder, { ...deps, clock: fastClock(10) });
  const { messages, unsubscribe } = published("journal-failed");
  renameSync(folder, `${folder}.gone`);
  journal.put("heartbeat", "a", 1);
  await eventually(() => messages.length >= 4, "the failure is reported");
  assert.match(String(messages[0]?.error), /was removed or taken over/);
  assert.deepEqual(messages.map(({ failures }) => failures).slice(0, 4), [1, 2, 4, 8]);
  assert.equal(journal.get("heartbeat", "a"), 1);
  renameSync(`${folder}.gone`, folder);
  await eventually(() => messages.at(-1)?.error === undefined, "it is written again");
  await closeFast(journal, folder);
  unsubscribe();
  assert.deepEqual(await valuesIn(folder, ["a"]), [1]);
});

test("a write that fails is tried again with the whole file: a full disk loses nothing that is still in memory", async (t) => {
  if (!existsSync("/dev/full")) return assert.fail("this test needs Linux");
  const folder = newFolder();
  const journal = await Journal.open(folder, { ...deps, clock: fastClock(10) });
  const { messages, unsubscribe } = published("journal-failed");
  t.after(unsubscribe);
  journal.put("heartbeat", "before", 1);
  await eventually(() => readFileSync(fileOf(folder), "utf8").includes("before"), "it is written");
  // every write to the new file fails as on a full disk
  symlinkSync("/dev/full", join(folder, "journal.new"));
  for (let round = 0; round < 25 && messages.length === 0; round += 1) {
    journal.put("heartbeat", "large", `${"x".repeat(60_000)}${round}`);
    await eventually(() => messages.length > 0 || tailOf(folder).endsWith(`x${round}"}\n`), "it is written or fails");
  }
  await eventually(() => messages.length > 0, "the failure is reported");
  assert.match(String(messages[0]?.error), /ENOSPC/);
  journal.put("heartbeat", "during", 2);
  rmSync(join(folder, "journal.new"));
  await eventually(() => messages.at(-1)?.error === undefined, "it is written again");
  await closeFast(journal, folder);
  assert.deepEqual(await valuesIn(folder, ["before", "during"]), [1, 2]);
});

test("the first change is written at once, and the next ones at most once a second", async () => {
  const folder = newFolder();
  const clock = new VirtualClock();
  const journal = await Journal.open(folder, { ...deps, clock });
  const isWritten = (key: string) => tailOf(folder).includes(`"${key}"`);
  journal.put("heartbeat", "first", 1);
  await clock.advance(0);
  await eventually(() => isWritten("first"), "the first change is written without a wait");
  journal.put("heartbeat", "second", 1);
  await eventually(() => clock.pendingTimers === 1, "the first write has ended");
  await clock.advance(999);
  await pause(50);
  assert.equal(isWritten("second"), false);
  await clock.advance(1);
  await eventually(() => isWritten("second"), "the second change is written after a second");
  await journal.close();
});

test("a disk that does not answer delays the end by a second at most", async (t) => {
  const folder = newFolder();
  const clock = new VirtualClock();
  const journal = await Journal.open(folder, { ...deps, clock });
  // so long that the next change writes the file anew
  journal.put("heartbeat", "large", "x".repeat(1_100_000));
  await clock.advance(0);
  await eventually(() => statSync(fileOf(folder)).size > 1_100_000, "it is written");
  // a writer that opens a named pipe waits for its reader
  const pipe = join(folder, "journal.new");
  execFileSync("mkfifo", [pipe]);
  const releaseWriter = () => closeSync(openSync(pipe, constants.O_RDONLY | constants.O_NONBLOCK));
  t.after(() =>
    eventually(() => {
      releaseWriter();
      return !existsSync(join(folder, "lock"));
    }, "the folder is free"),
  );
  journal.put("heartbeat", "a", 1);
  let isClosed = false;
  const closing = journal.close().then(() => {
    isClosed = true;
  });
  await clock.advance(999);
  assert.equal(isClosed, false);
  await clock.advance(1);
  await inTime(closing, "the end");
});

test("100,000 keys are stored; further ones are not, which is reported once, and stored ones still change", async (t) => {
  const folder = newFolder();
  const clock = new VirtualClock();
  const journal = await Journal.open(folder, { ...deps, clock });
  const { messages, unsubscribe } = published("journal-full");
  t.after(unsubscribe);
  const put = (from: number, to: number, value: unknown) => {
    for (let key = from; key < to; key += 1) journal.put("heartbeat", String(key), value);
  };
  put(0, 100_000, 1);
  assert.deepEqual(messages, []);
  put(100_000, 100_003, 1);
  journal.put("heartbeat", "0", 2);
  const values = ["0", "99999", "100000"].map((key) => journal.get("heartbeat", key));
  assert.deepEqual(values, [2, 1, undefined]);
  assert.deepEqual(messages, [{ instance: "journal-test", file: fileOf(folder), maxNames: 100_000 }]);
  put(1, 10, undefined);
  await journal.commit([{ type: "heartbeat", key: "0", value: undefined }]); // a full journal takes removals
  put(100_000, 100_020, 1);
  assert.equal(messages.length, 2, "it was full again");
  await journal.close();
});

test("a folder without the right to write is refused", async (t) => {
  if (process.getuid?.() === 0) {
    // root may write everywhere; a folder of the kernel refuses it too
    await refused("/proc/self/healthbridge", /stateDir \/proc\/self\/healthbridge: cannot be used/);
    return;
  }
  const folder = newFolder();
  mkdirSync(folder, { mode: 0o500 });
  t.after(() => chmodSync(folder, 0o700));
  await refused(folder, /EACCES/);
});

test("a server that is not ours at the place of the lock is not touched", async () => {
  const folder = newFolder();
  mkdirSync(folder);
  const server = createServer((socket) => socket.destroy());
  await new Promise<void>((resolve) => server.listen(join(folder, "lock"), resolve));
  await refused(folder, /another healthbridge uses this folder/);
  server.close();
});

test("the removal of a key that it does not have is not written", async () => {
  const folder = newFolder();
  const journal = await open(folder);
  journal.put("heartbeat", "absent", undefined);
  journal.put("heartbeat", "present", 1);
  await journal.close();
  assert.deepEqual(decodeJournal(readFileSync(fileOf(folder))).records, [record("present", 1)]);
});
