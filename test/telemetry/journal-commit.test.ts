/** `Journal.commit`: the caller waits for the disk, and knows whether the value is there. */
import assert from "node:assert/strict";
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { systemClock } from "../../src/core/clock.js";
import { Journal } from "../../src/telemetry/journal.js";
import { decodeJournal } from "../../src/telemetry/journal-lines.js";

const directory = mkdtempSync(join(tmpdir(), "healthbridge-commit-"));
after(() => rmSync(directory, { recursive: true }));
let folders = 0;
const newFolder = () => {
  folders += 1;
  return join(directory, String(folders));
};
const open = (folder: string) => Journal.open(folder, { clock: systemClock, instance: "commit-test" });

/** The values that a process would find which starts now: a copy is read, as after a crash. */
function onDisk(folder: string): ReadonlyMap<string, unknown> {
  const { records } = decodeJournal(readFileSync(join(folder, "journal")));
  const values = new Map<string, unknown>();
  for (const { type, key, value } of records)
    if (value === undefined) values.delete(`${type} ${key}`);
    else values.set(`${type} ${key}`, value);
  return values;
}

/** As on a full disk, every write fails until the returned function is called. */
function fillDisk(folder: string): () => void {
  const lock = join(folder, "lock");
  renameSync(lock, `${lock}.away`); // the next write fails, and each further one writes the whole file
  symlinkSync("/dev/full", join(folder, "journal.new"));
  return () => {
    rmSync(join(folder, "journal.new"));
    renameSync(`${lock}.away`, lock);
  };
}

test("a value is on the disk when commit resolves, though others were written less than a second ago", async () => {
  const folder = newFolder();
  const journal = await open(folder);
  for (let round = 0; round < 20; round += 1) {
    journal.put("heartbeat", "h", round);
    const values = ["a", "b"].map((key) => journal.commit("drain", key, { round }));
    await Promise.all(values);
    for (const key of ["a", "b"]) assert.deepEqual(onDisk(folder).get(`drain ${key}`), { round });
  }
  await journal.commit("drain", "a", undefined);
  assert.equal(onDisk(folder).has("drain a"), false);
  assert.deepEqual(journal.entries("drain"), [["b", { round: 19 }]]);
  await journal.close();
});

test("a commit while another write runs is not satisfied by that write", async () => {
  const folder = newFolder();
  const journal = await open(folder);
  for (let round = 0; round < 50; round += 1) {
    const first = journal.commit("drain", "first", round);
    await new Promise((resolve) => setImmediate(resolve));
    await journal.commit("drain", "second", round);
    assert.equal(onDisk(folder).get("drain second"), round);
    await first;
  }
  await journal.close();
});

test("a commit that cannot be written rejects, and leaves the value of before in memory and in the file", async () => {
  const folder = newFolder();
  const journal = await open(folder);
  await journal.commit("drain", "kept", 1);
  await journal.commit("drain", "changed", 1);
  const free = fillDisk(folder);
  await assert.rejects(journal.commit("drain", "changed", 2), /removed or taken over/);
  await assert.rejects(journal.commit("drain", "new", 2));
  await assert.rejects(journal.commit("drain", "kept", undefined));
  assert.deepEqual(new Map(journal.entries("drain")), new Map([["kept", 1], ["changed", 1]])); // biome-ignore format: one line
  free();
  await journal.commit("drain", "later", 3);
  await journal.close();
  assert.deepEqual(
    onDisk(folder),
    new Map<string, unknown>([["drain kept", 1], ["drain changed", 1], ["drain later", 3]]), // biome-ignore format: one line
  );
});

test("a full disk is an error of the commit, with the code of the system", async () => {
  const folder = newFolder();
  const journal = await open(folder);
  const free = fillDisk(folder);
  await assert.rejects(journal.commit("drain", "a", 1));
  renameSync(join(folder, "lock.away"), join(folder, "lock"));
  await assert.rejects(journal.commit("drain", "a", 1), /ENOSPC/);
  renameSync(join(folder, "lock"), join(folder, "lock.away"));
  free();
  await journal.close();
  assert.equal(onDisk(folder).has("drain a"), false);
});

test("a torn tail after a commit loses nothing that was committed", async () => {
  const folder = newFolder();
  const journal = await open(folder);
  await journal.commit("drain", "a", 1);
  const copy = newFolder();
  mkdirSync(copy);
  copyFileSync(join(folder, "journal"), join(copy, "journal"));
  const whole = readFileSync(join(copy, "journal"));
  await journal.commit("drain", "b", "x".repeat(100));
  const longer = readFileSync(join(folder, "journal"));
  for (let length = whole.length; length < longer.length; length += 7) {
    const { records } = decodeJournal(longer.subarray(0, length));
    assert.deepEqual(records.at(0), { type: "drain", key: "a", value: 1 });
  }
  await journal.close();
});

test("nothing is committed after the end, and that a key is removed that was never there costs no write", async () => {
  const journal = await open(newFolder());
  await journal.commit("drain", "never", undefined);
  await journal.close();
  await assert.rejects(journal.commit("drain", "a", 1), /is closed/);
});
