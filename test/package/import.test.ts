/** What `import "healthbridge"` loads and costs, for `import` and for `require`. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { test } from "node:test";
import { doorsOf, ROOT, readManifest } from "./packed.js";

/** Milliseconds of CPU time. The import takes about 12 on an idle machine, and twice as much beside other tests. */
const MAX_IMPORT_MS = 60;
const RUNS = 8;

/** Runs an ES module in the package, and returns what it prints as JSON. */
function run(code: string): unknown {
  const { NODE_EXTRA_CA_CERTS: _, ...env } = process.env; // Node reads that file at its start
  const text = execFileSync(process.execPath, ["--input-type=module", "--eval", `${PRELUDE}${code}`], {
    cwd: ROOT,
    encoding: "utf8",
    env,
  });
  return JSON.parse(text);
}

/** `loaded()`: the CommonJS modules that are loaded, with `*` for the hash of a chunk. */
const PRELUDE = `
import { createRequire } from "node:module";
const require = createRequire(import.meta.url);
const loaded = () =>
  Object.keys(require.cache).map((path) => path.slice(process.cwd().length + 1).replace(/-[A-Z0-9]{8}\\./, "-*."));
const print = (value) => process.stdout.write(JSON.stringify(value));
`;

/** Code that several doors share is in chunks of its own. */
const CORE = ["dist/index.cjs", "dist/chunk-*.cjs"];
const MAX_CHUNKS = 6;

for (const load of ['await import("healthbridge")', 'require("healthbridge")'])
  test(`${load} loads the core of the library, and no third-party module`, () => {
    const modules = run(`${load}; print(loaded());`) as readonly string[];
    assert.deepEqual([...new Set(modules)], CORE);
    assert.ok(modules.length <= 1 + MAX_CHUNKS, `${modules.length} files`);
  });

test("the import loads none of Node's modules for TLS and cryptography", () => {
  const modules = run(`
    await import("healthbridge");
    print(process.moduleLoadList.filter((name) => /^NativeModule (?:tls|crypto|http2?)$/.test(name)));
  `);
  assert.deepEqual(modules, []);
});

test("a check with a function, and a status set by hand, load no third-party module and no prober of a target", () => {
  const modules = run(`
    const { Health } = await import("healthbridge");
    const health = new Health();
    health.set("a", "SERVING");
    health.check("b", () => true);
    print(loaded());
    await health.shutdown({ drainDelayMs: 0 });
  `) as readonly string[];
  assert.deepEqual(
    modules.filter((path) => /node_modules|third-party|probers-schemes|daemon-server/.test(path)),
    [],
  );
});

test("the regular expressions of RE2 are loaded by the first pattern", () => {
  const modules = run(`
    const { Health } = await import("healthbridge");
    const health = new Health();
    const modules = () => loaded().filter((path) => /node_modules|third-party/.test(path));
    health.check("a", "http://127.0.0.1:1/", { expect: { body: "text" } });
    const before = modules();
    health.check("b", "http://127.0.0.1:1/", { expect: { body: { matches: "a+" } } });
    print([before, modules()]);
    await health.shutdown({ drainDelayMs: 0 });
  `);
  assert.deepEqual(modules, [[], ["dist/third-party/re2js.cjs"]]);
});

for (const door of doorsOf(readManifest(ROOT)))
  test(`import and require of ${door} give the same objects`, () => {
    const [imported, required, same] = run(`
      const imported = await import("${door}");
      const required = require("${door}");
      const names = Object.keys(required).sort();
      print([Object.keys(imported).sort(), names, names.every((name) => imported[name] === required[name])]);
    `) as readonly unknown[];
    assert.deepEqual(imported, required);
    assert.equal(same, true, "one copy of the code");
  });

test("the import takes a few milliseconds", () => {
  const times = Array.from({ length: RUNS }, () =>
    run(`
      await import("data:text/javascript,"); // the first import of a process starts Node's own loader
      const before = process.cpuUsage();
      await import("healthbridge");
      const { user, system } = process.cpuUsage(before);
      print((user + system) / 1000);
    `),
  );
  const least = Math.min(...times.map(Number));
  assert.ok(least <= MAX_IMPORT_MS, `${least} ms`);
});
