/** Instances of files that are changed, broken and taken away. */
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, unlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, type TestContext, test } from "node:test";
import { FileThreads } from "../../src/config/file-operation.js";
import { systemClock } from "../../src/core/clock.js";
import { sourceFiles } from "../../src/daemon/source-files.js";
import { askFiles } from "../../src/instances/file-source.js";

const listOf = (...targets: readonly string[]) => JSON.stringify([{ targets }]);

/** A folder with files, and a source of those that match. */
function open(t: TestContext, pattern: string, files: Readonly<Record<string, string>>) {
  const folder = mkdtempSync(join(tmpdir(), "healthbridge-files-"));
  t.after(() => rmSync(folder, { recursive: true }));
  const at = (name: string) => join(folder, name);
  for (const [name, text] of Object.entries(files)) writeFileSync(at(name), text);
  const ask = askFiles(at(pattern), sourceFiles(new FileThreads(), systemClock));
  /** Targets and fault after so many looks: the second one reads what has changed. */
  const look = async (times = 2) => {
    let answer = await ask();
    for (let count = 1; count < times; count += 1) answer = await ask();
    const { addresses, fault = "" } = answer;
    return {
      targets: addresses?.map(({ host, port }) => `${host}:${port}`).join(" "),
      fault: fault.replaceAll(folder, "."),
    };
  };
  return { at, look };
}

test("A file is read at once, and after a change when it is the same at two looks.", async (t) => {
  const { at, look } = open(t, "t.json", { "t.json": listOf("a:1") });
  assert.deepEqual(await look(1), { targets: "a:1", fault: "" });
  writeFileSync(at("t.json"), listOf("a:1", "b:1"));
  assert.deepEqual(await look(1), { targets: "a:1", fault: "" });
  assert.deepEqual(await look(1), { targets: "a:1 b:1", fault: "" });
});

describe("Sources that look at their files at the same time all have answers:", () => {
  const names = Array.from({ length: 12 }, (_, index) => `t${index}`);
  const files = Object.fromEntries(names.map((name) => [`${name}.json`, listOf(`${name}:1`)]));
  const lookAll = async (t: TestContext, patterns: readonly string[], threads = new FileThreads()) => {
    const { at } = open(t, "*.json", files);
    const shared = sourceFiles(threads, systemClock);
    return Promise.all(patterns.map((pattern) => askFiles(at(pattern), shared)()));
  };
  const assertFound = (answers: Awaited<ReturnType<typeof lookAll>>) => {
    assert.deepEqual(
      answers.map(({ fault }) => fault),
      names.map(() => undefined),
    );
    assert.ok(answers.every(({ addresses }) => addresses?.length === 1));
  };

  test("single files", async (t) => {
    const patterns = names.map((name) => `${name}.json`);
    assertFound(await lookAll(t, patterns));
  });

  test("patterns", async (t) => {
    const patterns = names.map((name) => `${name}.*`);
    assertFound(await lookAll(t, patterns));
  });

  test("beside files of others, which occupy threads", async (t) => {
    const threads = new FileThreads();
    for (const device of ["a", "b"]) assert.ok(threads.acquire(device));
    const patterns = names.map((name) => `${name}.json`);
    assertFound(await lookAll(t, patterns, threads));
  });
});

test("A file that is replaced by a rename, or by a swap of a link beside it, is read.", async (t) => {
  const { at, look } = open(t, "t.json", { "t.json": listOf("a:1"), "next.json.tmp": listOf("b:1") });
  await look();
  renameSync(at("next.json.tmp"), at("t.json"));
  assert.equal((await look()).targets, "b:1");
  writeFileSync(at("c.json"), listOf("c:1"));
  symlinkSync("c.json", at("link"));
  renameSync(at("link"), at("t.json"));
  assert.equal((await look()).targets, "c:1");
});

test("Of a pattern, each file that matches counts, and files of editors do not.", async (t) => {
  const { at, look } = open(t, "t-*.json", {
    "t-a.json": listOf("a:1"),
    "t-b.json": listOf("b:1"),
    "t-c.yml": "[]",
    "other.json": listOf("x:1"),
    ".t-d.json": listOf("x:1"),
  });
  assert.equal((await look()).targets, "a:1 b:1");
  writeFileSync(at("t-c.json"), listOf("c:1"));
  assert.equal((await look()).targets, "a:1 b:1 c:1");
});

describe("A deleted file of a pattern", () => {
  const FILES = { "a.json": listOf("a:1"), "b.json": listOf("b:1"), "c.json": listOf("c:1") };

  test("has no targets while another file is good, as in Prometheus", async (t) => {
    const { at, look } = open(t, "*.json", FILES);
    await look();
    unlinkSync(at("a.json"));
    assert.deepEqual(await look(1), { targets: "b:1 c:1", fault: "" });
    writeFileSync(at("a.json"), FILES["a.json"]);
    assert.deepEqual(await look(), { targets: "b:1 c:1 a:1", fault: "" });
  });

  test("that has another name now has the targets of that name", async (t) => {
    const { at, look } = open(t, "*.json", FILES);
    await look();
    renameSync(at("a.json"), at("z.json"));
    assert.deepEqual(await look(1), { targets: "b:1 c:1 a:1", fault: "" });
  });

  test("keeps them when all are gone: a mount may be away", async (t) => {
    const { at, look } = open(t, "*.json", FILES);
    await look();
    for (const name of Object.keys(FILES)) unlinkSync(at(name));
    const { targets, fault } = await look(4);
    assert.equal(targets, "a:1 b:1 c:1");
    assert.match(fault, /not found; keeping its last targets/);
  });

  test("keeps them when every other file is broken", async (t) => {
    const { at, look } = open(t, "*.json", FILES);
    await look();
    unlinkSync(at("a.json"));
    for (const name of ["b.json", "c.json"]) writeFileSync(at(name), "nonsense");
    assert.equal((await look(4)).targets, "b:1 c:1", "seen good once after the deletion");
    const other = open(t, "*.json", FILES);
    await other.look();
    for (const name of ["b.json", "c.json"]) writeFileSync(other.at(name), "nonsense");
    await other.look();
    unlinkSync(other.at("a.json"));
    assert.equal((await other.look(4)).targets, "a:1 b:1 c:1");
  });

  test("keeps them while the folder is gone", async (t) => {
    const { at, look } = open(t, "*.json", FILES);
    await look();
    rmSync(at("."), { recursive: true });
    assert.equal((await look(4)).targets, "a:1 b:1 c:1");
    mkdirSync(at("."));
    assert.equal((await look(4)).targets, "a:1 b:1 c:1", "an empty mount point");
  });
});

test("A list without targets is no fault.", async (t) => {
  const { at, look } = open(t, "t.json", { "t.json": listOf("a:1") });
  await look();
  writeFileSync(at("t.json"), "[]");
  assert.deepEqual(await look(), { targets: "", fault: "" });
});

const replaceBy = (make: (path: string) => void) => (path: string) => {
  unlinkSync(path);
  make(path);
};

describe("A file that cannot be used keeps its targets, and recovers", () => {
  const kinds: Readonly<Record<string, readonly [(path: string) => void, fault: RegExp]>> = {
    "half of it is written": [
      (path) => writeFileSync(path, listOf("b:1").slice(0, -3)),
      /t-a\.json: is not valid JSON/,
    ],
    "it is empty": [(path) => writeFileSync(path, ""), /is not valid JSON/],
    "a target has no port": [(path) => writeFileSync(path, listOf("b")), /"b" is not HOST:PORT/],
    "it is not UTF-8": [(path) => writeFileSync(path, Buffer.from([0x5b, 0xff, 0x5d])), /not UTF-8/],
    "it is deleted": [unlinkSync, /t-a\.json.*not found/],
    "a folder has its place": [replaceBy(mkdirSync), /t-a\.json: it is a directory/],
    "a link that leads nowhere has its place": [
      replaceBy((path) => symlinkSync("nowhere", path)),
      /t-a\.json: not found/,
    ],
  };
  for (const pattern of ["t-a.json", "t-*.json"])
    for (const [what, [breakIt, fault]] of Object.entries(kinds))
      test(`${what} (${pattern})`, async (t) => {
        const { at, look } = open(t, pattern, { "t-a.json": listOf("a:1") });
        await look();
        breakIt(at("t-a.json"));
        const broken = await look(4);
        assert.equal(broken.targets, "a:1");
        assert.match(broken.fault, fault);
        rmSync(at("t-a.json"), { recursive: true, force: true });
        writeFileSync(at("t-a.json"), listOf("c:1"));
        assert.deepEqual(await look(4), { targets: "c:1", fault: "" });
      });
});

test("A file that comes back as it was has no fault any more.", async (t) => {
  const { at, look } = open(t, "t.json", { "t.json": listOf("a:1") });
  await look();
  renameSync(at("t.json"), at("away"));
  assert.match((await look()).fault, /not found/);
  renameSync(at("away"), at("t.json"));
  assert.deepEqual(await look(4), { targets: "a:1", fault: "" });
});

test("One broken file of several does not stop the others.", async (t) => {
  const { at, look } = open(t, "*.json", { "a.json": "nonsense", "b.json": listOf("b:1") });
  const first = await look();
  assert.equal(first.targets, "b:1");
  assert.match(first.fault, /a\.json: is not valid JSON/);
  writeFileSync(at("b.json"), listOf("b:1", "b:2"));
  assert.equal((await look()).targets, "b:1 b:2");
});

test("Without any file, or without its folder, there are no targets, and a fault.", async (t) => {
  const { at, look } = open(t, "*.json", {});
  assert.deepEqual(await look(), { targets: undefined, fault: "./*.json: no file has such a name" });
  rmSync(at(""), { recursive: true });
  const { targets, fault } = await look();
  assert.equal(targets, undefined);
  assert.match(fault, /cannot list this folder \(ENOENT\)/);
  mkdirSync(at(""));
});

test("10,000 targets are read; of 10,001 none is, and what is known stays.", async (t) => {
  const targets = Array.from({ length: 10_001 }, (_, at) => `10.0.${at >> 8}.${at & 255}:1`);
  const { at, look } = open(t, "t.json", { "t.json": listOf(...targets.slice(0, 10_000)) });
  assert.equal((await look()).targets?.split(" ").length, 10_000);
  writeFileSync(at("t.json"), listOf(...targets));
  const { targets: kept, fault } = await look();
  assert.equal(kept?.split(" ").length, 10_000);
  assert.match(fault, /more than 10000 targets/);
});

test("Two files with more than 10,000 targets together have none.", async (t) => {
  const targets = Array.from({ length: 6_000 }, (_, at) => `10.0.${at >> 8}.${at & 255}:1`);
  const { look } = open(t, "*.json", { "a.json": listOf(...targets), "b.json": listOf(...targets) });
  assert.deepEqual(await look(), { targets: undefined, fault: "the files have more than 10000 targets" });
});
