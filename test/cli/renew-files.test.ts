/** Which new contents of files are taken. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { loadAccepted } from "../../src/cli/load-config.js";
import { renewFiles } from "../../src/cli/renew-files.js";
import type { NamedFile } from "../../src/config/files.js";
import { type FileContent, readRegularFile } from "../../src/config/read-file.js";
import { certify, createSubject } from "../support/certificates.js";

const [FIRST, SECOND, THIRD] = ["first", "second", "third"].map(createSubject) as [
  ReturnType<typeof createSubject>,
  ReturnType<typeof createSubject>,
  ReturnType<typeof createSubject>,
];

/** A configuration in use, whose files can be replaced. */
async function inUse(t: TestContext, lines: (path: (name: string) => string) => string, texts: Record<string, string>) {
  const folder = mkdtempSync(join(tmpdir(), "healthbridge-renew-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const path = (name: string) => join(folder, name);
  const write = (contents: Record<string, string>) => {
    for (const [name, text] of Object.entries(contents)) writeFileSync(path(name), text, { mode: 0o600 });
  };
  write(texts);
  const accepted = { file: "healthbridge.yaml", text: lines(path), values: new Map() };
  let files: readonly NamedFile[] = (await loadAccepted(accepted, new Map())).files;
  const changed = new Map<string, FileContent>();
  return {
    path,
    /** Writes files, and renews. Returns the names of the files that are renewed, and of those that are refused. */
    async renew(contents: Record<string, string>) {
      write(contents);
      for (const name of Object.keys(contents)) changed.set(path(name), await readRegularFile(path(name)));
      const result = await renewFiles(accepted, files, changed);
      files = result.loaded.files;
      const nameOf = (file: string) => file.slice(folder.length + 1);
      const failed = result.failed.map((file) => nameOf(file.path));
      return { renewed: result.renewed.map(nameOf).sort(), failed: failed.sort() };
    },
  };
}

const target = (path: (name: string) => string, name: string, [cert, key]: readonly [string, string]) =>
  `  ${name}: { target: "https://h/", tls: { certFile: ${path(cert)}, keyFile: ${path(key)} } }\n`;

test("certificates that share a key change together with it, also beside a torn file", async (t) => {
  const it = await inUse(
    t,
    (path) =>
      `checks:\n${target(path, "a", ["c1", "k"])}${target(path, "b", ["c2", "k"])}  c: { target: "https://h/", tls: { caFile: ${path("ca")} } }\n`,
    { c1: certify(FIRST), c2: certify(FIRST), k: FIRST.key, ca: certify(FIRST) },
  );
  const next = { ca: "torn", c1: certify(SECOND), c2: certify(SECOND), k: SECOND.key };
  assert.deepEqual(await it.renew(next), { renewed: ["c1", "c2", "k"], failed: ["ca"] });
});

test("a certificate with two key files of which only one is renewed keeps all three", async (t) => {
  const it = await inUse(
    t,
    (path) =>
      `checks:\n${target(path, "a", ["c", "k1"])}${target(path, "b", ["c", "k2"])}${target(path, "d", ["x", "y"])}`,
    { c: certify(FIRST), k1: FIRST.key, k2: FIRST.key, x: certify(THIRD), y: THIRD.key },
  );
  const half = { c: certify(SECOND), k1: SECOND.key, x: certify(FIRST), y: FIRST.key };
  assert.deepEqual(await it.renew(half), { renewed: ["x", "y"], failed: ["c", "k1"] });
  assert.deepEqual(await it.renew({ k2: SECOND.key }), { renewed: ["c", "k1", "k2"], failed: [] });
});

test("a chain of shared keys is one group: the first certificate waits for the last key", async (t) => {
  const it = await inUse(
    t,
    (path) =>
      `checks:\n${target(path, "a", ["c1", "k1"])}${target(path, "b", ["c2", "k1"])}${target(path, "d", ["c2", "k2"])}`,
    { c1: certify(FIRST), c2: certify(FIRST), k1: FIRST.key, k2: FIRST.key },
  );
  assert.deepEqual(await it.renew({ c1: certify(SECOND), k1: SECOND.key }), { renewed: [], failed: ["c1", "k1"] });
  assert.deepEqual(await it.renew({ k2: SECOND.key }), { renewed: [], failed: ["c1", "k1", "k2"] });
  assert.deepEqual(await it.renew({ c2: certify(SECOND) }), { renewed: ["c1", "c2", "k1", "k2"], failed: [] });
});

test("a file that holds a certificate and its key is a pair with itself", async (t) => {
  const both = (subject: ReturnType<typeof createSubject>) => certify(subject) + subject.key;
  const it = await inUse(t, (path) => `checks:\n${target(path, "a", ["p", "p"])}`, { p: both(FIRST) });
  assert.deepEqual(await it.renew({ p: certify(SECOND) }), { renewed: [], failed: ["p"] });
  assert.deepEqual(await it.renew({ p: both(SECOND) }), { renewed: ["p"], failed: [] });
});
