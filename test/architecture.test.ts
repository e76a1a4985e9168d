/**
 * Holds the rooms apart: which may import which, and what must not stand in a file.
 *
 * Each rule finds the faults of one source. Each has sources that break it, so that a rule that cannot fail is noticed.
 */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { posix, relative, sep } from "node:path";
import { describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { markFunctionCode } from "./support/source/declarations.js";
import type { Import } from "./support/source/imports.js";
import { ModuleState } from "./support/source/module-state.js";
import { RANKS } from "./support/source/ranks.js";
import { SourceFile } from "./support/source/source-file.js";
import { is, type Token } from "./support/source/tokens.js";

/** The steps sideways: an engine and xDS speak the gRPC of any engine, and on servers of Node an engine speaks for the bridge. */
const SIDEWAYS = [
  ["transports/nice-grpc", "transports/grpc"],
  ["transports/node", "transports/grpc"],
  ["transports/node", "transports/http"],
  ["transports/grpc-js", "transports/grpc"],
  ["transports/h2", "transports/grpc"],
  ["transports/xds", "transports/grpc"],
];

/** Rooms that a configuration loads nothing of: it is data, and starts nothing. Their types may be imported. */
const STARTED_BY_DAEMON = ["client", "registry", "telemetry", "transports/grpc-js", "transports/h2", "transports/http"];

const MAY_LOAD_GRPC_JS = ["transports/grpc-js"];

const BANNED_NAMES = /(?:^|\/)(?:types|utils?|helpers?|common|misc|index)\.ts$/;

/** Ways to load or run code that the rules on imports do not see. */
const HIDDEN_LOADERS = [
  "eval",
  "Function",
  "Worker",
  "getBuiltinModule",
  "dlopen",
  "register",
  "registerHooks",
  "runMain",
];

/** The files that start a thread, each with the code of a file beside it. */
const START_THREADS = ["cli/config-thread.ts", "daemon/thread/listener-worker.ts"];

function roomOf(path: string): string {
  const parts = path.split("/");
  return parts[0] === "transports" ? parts.slice(0, 2).join("/") : parts.length === 1 ? "" : (parts[0] ?? "");
}

/** The source that an import names; `undefined` for a package. */
function targetOf(path: string, from: string): string | undefined {
  if (!from.startsWith(".")) return undefined;
  return posix.normalize(posix.join(posix.dirname(path), from)).replace(/\.js$/, ".ts");
}

/** Imports from another room, each with that room. */
function neighboursOf({ path, imports }: SourceFile): readonly (Import & { readonly room: string })[] {
  return imports.flatMap((each) => {
    const target = targetOf(path, each.from);
    if (target === undefined || target.startsWith("../")) return [];
    const room = roomOf(target);
    return room === roomOf(path) ? [] : [{ ...each, room }];
  });
}

function linesWith(
  { tokens }: SourceFile,
  isFault: (tokens: readonly Token[], index: number) => boolean,
): readonly string[] {
  return tokens.flatMap((token, index) => (isFault(tokens, index) ? [`line ${token.line}: ${token.text}`] : []));
}

/** A rule finds the faults of one source, which is one of `all`. */
type Rule = (source: SourceFile, all: readonly SourceFile[]) => readonly string[];

const RULES: Readonly<Record<string, Rule>> = {
  "imports point down the ladder, and never sideways": (source) => {
    const room = roomOf(source.path);
    if (room === "") return [];
    const rank = RANKS[room];
    if (rank === undefined) return [`there is no room ${room}`];
    return neighboursOf(source).flatMap(({ room: other, line }) => {
      if (other === "") return [`line ${line}: imports a front door`];
      const isSideways = SIDEWAYS.some(([one, two]) => one === room && two === other);
      return isSideways || (RANKS[other] ?? 99) < rank ? [] : [`line ${line}: ${room} imports ${other}`];
    });
  },
  "a configuration loads no room that runs": (source) => {
    if (roomOf(source.path) !== "config") return [];
    const isData = source.path === "config/daemon-config.ts";
    const loaded = neighboursOf(source).filter(({ kind }) => kind !== "type");
    return loaded
      .filter(({ room }) => STARTED_BY_DAEMON.includes(room) || (isData && room !== "core"))
      .map(({ room, line }) => `line ${line}: loads ${room}`);
  },
  "grpc-js is loaded in one room": ({ path, imports }) =>
    imports
      .filter(({ from, kind }) => from.startsWith("@grpc/") && kind !== "type")
      .filter(() => !MAY_LOAD_GRPC_JS.includes(roomOf(path)))
      .map(({ from, line }) => `line ${line}: loads ${from}`),
  "code is loaded by imports only": (source) =>
    linesWith(
      source,
      (tokens, index) =>
        is(tokens[index], ...HIDDEN_LOADERS) &&
        is(tokens[index + 1], "(") &&
        !isMethod(tokens, index) &&
        !(START_THREADS.includes(source.path) && is(tokens[index], "Worker")),
    ),
  "only the command line uses the arguments, environment and streams of the process": (source) => {
    const names = ["env", "argv", "exit", "exitCode", "stdout", "stderr", "stdin"];
    if (roomOf(source.path) === "cli") return [];
    // the file of the signals ends the process by one
    const forbidden = source.path === "lifecycle/signals.ts" ? names.filter((name) => name !== "exit") : names;
    return linesWith(
      source,
      (tokens, index) =>
        is(tokens[index], "process") && is(tokens[index + 1], ".", "?.") && is(tokens[index + 2], ...forbidden),
    );
  },
  "one file listens to signals": (source) =>
    source.path === "lifecycle/signals.ts"
      ? []
      : linesWith(
          source,
          (tokens, index) =>
            is(tokens[index], "process") &&
            is(tokens[index + 2], "on", "once", "addListener", "prependListener", "prependOnceListener"),
        ),
  "no module has state": (source, all) => stateOf(all).faultsOf(source),
  "only the command line awaits at top level": (source) => {
    if (roomOf(source.path) === "cli") return [];
    const inFunction = markFunctionCode(source.tokens);
    return linesWith(source, (tokens, index) => is(tokens[index], "await") && !inFunction[index]);
  },
  "a name means one type": (source, all) => {
    const others = all.filter(({ path }) => path !== source.path);
    return source.types.flatMap((name) =>
      others.filter(({ types }) => types.includes(name)).map(({ path }) => `${name} is a type of ${path} as well`),
    );
  },
  "no file has a name that says nothing": ({ path }) =>
    roomOf(path) !== "" && BANNED_NAMES.test(path) ? ["a file of this name collects unrelated code"] : [],
  "a file has at most 300 lines": ({ text }) => {
    const lines = text.split("\n").length - 1;
    return lines > 300 ? [`${lines} lines`] : [];
  },
  "a file starts with its idea": ({ text }) => (/^(?:#!.*\n)?\/\*\*/.test(text) ? [] : ["no comment at the start"]),
  "there are no default exports and no intervals": (source) =>
    linesWith(
      source,
      (tokens, index) =>
        (is(tokens[index], "export") && is(tokens[index + 1], "default")) ||
        (is(tokens[index], "setInterval") && !is(tokens[index - 1], ".")),
    ),
  "a front door holds re-exports only": ({ path, tokens }) => {
    if (path.includes("/")) return [];
    const rest = tokens.map((token) => (token.kind === "string" ? JSON.stringify(token.text) : token.text));
    const code = rest.join(" ").replace(/export (?:type )?\{[^}]*\} from "[^"]+" ;/g, "");
    return code.trim() === "" ? [] : [code.trim()];
  },
};

const states = new WeakMap<readonly SourceFile[], ModuleState>();

/** The rule on state over a set of sources, prepared once. */
function stateOf(all: readonly SourceFile[]): ModuleState {
  const state = states.get(all) ?? new ModuleState(all);
  states.set(all, state);
  return state;
}

/** A method or function of that name is declared, or called on an object of the project. */
function isMethod(tokens: readonly Token[], index: number): boolean {
  return is(tokens[index - 1], ".", "function") && !is(tokens[index - 2], "module", "process");
}

/** What a rule says of a source; a source that cannot be read is a fault. */
function faultsOf(rule: Rule, source: SourceFile, all: readonly SourceFile[]): readonly string[] {
  try {
    return rule(source, all);
  } catch (error) {
    return [String(error)];
  }
}

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const SRC = new URL("../src/", import.meta.url);

/** The style of the status page, which esbuild bundles as the code in `page/`. */
const STYLE = "page/page.css";

const paths = readdirSync(SRC, { recursive: true, withFileTypes: true })
  .filter((entry) => entry.isFile())
  .map((entry) => relative(fileURLToPath(SRC), `${entry.parentPath}/${entry.name}`).split(sep).join("/"))
  .filter((path) => path !== STYLE);

const sources: readonly SourceFile[] = paths
  .filter((path) => path.endsWith(".ts"))
  .map((path) => new SourceFile(path, readFileSync(new URL(path, SRC), "utf8")));

/** The files of src/ that the compiler compiles with a configuration: the browser's code has one of its own. */
function compiledBy(config: string): readonly string[] {
  const tsc = fileURLToPath(new URL("../node_modules/.bin/tsc", import.meta.url));
  const listing = execFileSync(tsc, ["-p", config, "--listFilesOnly"], { cwd: ROOT, encoding: "utf8" });
  return listing
    .split("\n")
    .map((path) => relative(fileURLToPath(SRC), path.trim()).split(sep).join("/"))
    .filter((path) => path !== "" && !path.startsWith(".."));
}

/** The modules that the import of a file loads, packages among them. */
function loadedBy(path: string, all: readonly SourceFile[], seen: Set<string> = new Set()): Set<string> {
  const source = all.find((candidate) => candidate.path === path);
  if (source === undefined || seen.has(path)) return seen;
  seen.add(path);
  for (const { from, kind } of source.imports) {
    if (kind !== "static") continue;
    const target = targetOf(path, from);
    if (target === undefined) seen.add(from);
    else loadedBy(target, all, seen);
  }
  return seen;
}

function packagesLoadedBy(path: string, all: readonly SourceFile[]): readonly string[] {
  return [...loadedBy(path, all)].filter((name) => !name.endsWith(".ts") && !name.startsWith("node:"));
}

describe("the reading of the sources", () => {
  test("finds each file that the compiler compiles, and no other", () => {
    const server = compiledBy("tsconfig.build.json");
    const browser = compiledBy("tsconfig.page.json").filter((path) => !server.includes(path));
    assert.ok(browser.every((path) => path.startsWith("page/")));
    const compiled = [...server, ...browser];
    assert.deepEqual([...paths].sort(), compiled.sort());
    assert.equal(sources.length, paths.length, "every file is a .ts file");
    assert.ok(sources.length > 0);
  });

  test("finds each module that esbuild finds in each file, and no other", async () => {
    const { metafile } = await build({
      entryPoints: paths.map((path) => fileURLToPath(new URL(path, SRC))),
      absWorkingDir: ROOT,
      bundle: true,
      splitting: true,
      packages: "external",
      platform: "node",
      format: "esm",
      outdir: "unused",
      write: false,
      metafile: true,
      logLevel: "silent",
    });
    for (const { path, imports } of sources) {
      const bundled = (metafile.inputs[`src/${path}`]?.imports ?? []).map(
        ({ kind, original, path: external }) =>
          `${kind === "dynamic-import" ? "dynamic" : "static"} ${original ?? external}`,
      );
      const found = imports
        .filter(({ kind }) => kind === "static" || kind === "dynamic")
        .map(({ kind, from }) => `${kind} ${from}`);
      assert.deepEqual(new Set(found), new Set(bundled), path);
    }
  });
});

describe("the architecture", () => {
  for (const [name, rule] of Object.entries(RULES)) {
    test(name, () => {
      const faults = sources.flatMap((source) =>
        faultsOf(rule, source, sources).map((fault) => `${source.path}: ${fault}`),
      );
      assert.deepEqual(faults, []);
    });
  }

  test("the library's doors load no package", () => {
    const doors = paths.filter((path) => !path.includes("/"));
    assert.ok(doors.includes("index.ts"));
    for (const door of doors) assert.deepEqual(packagesLoadedBy(door, sources), [], door);
  });
});

const IMPORTS_OF_A_HIGHER_ROOM: readonly string[] = [
  'import { x } from "../wire/x.js";',
  'import { type x } from "../wire/x.js";',
  'import x from "../wire/x.js";',
  'import x, { y } from "../wire/x.js";',
  'import * as x from "../wire/x.js";',
  'import x, * as y from "../wire/x.js";',
  'import type { x } from "../wire/x.js";',
  'import type x from "../wire/x.js";',
  'import type * as x from "../wire/x.js";',
  'import "../wire/x.js";',
  'import {\n  x, // a comment with a "\n  y as z,\n} from "../wire/x.js";',
  'import{x}from"../wire/x.js"',
  "import { x } from '../wire/x.js';",
  'import x from "../wire/x.json" with { type: "json" };',
  'export { x } from "../wire/x.js";',
  'export { x as y, type z } from "../wire/x.js";',
  'export type { x } from "../wire/x.js";',
  'export * from "../wire/x.js";',
  'export * as x from "../wire/x.js";',
  'export type * from "../wire/x.js";',
  'const f = () => import("../wire/x.js");',
  "const f = () => import(`../wire/x.js`);",
  'const f = () => import(/* why */ "../wire/x.js", { with: { type: "json" } });',
  'let x: typeof import("../wire/x.js");',
  `const f = async () => \`\${await import('../wire/x.js')}\`;`,
  'const f = /"/.test(g) ? 1 : import("../wire/x.js");',
  'const load = createRequire(import.meta.url);\nload("../wire/x.js");',
  'const f = () => createRequire(import.meta.url)("../wire/x.js");',
  'const f = () => require("../wire/x.js");',
];

const IMPORTS_THAT_ARE_NOT_UNDERSTOOD: readonly string[] = [
  "const f = () => import(name);",
  `const f = () => import(\`./\${name}.js\`);`,
  'const f = () => import("./" + name);',
  'import x = require("../wire/x.js");',
  "const f = () => require(name);",
  "const load = createRequire(import.meta.url);\nuse(load);",
  "const { load } = { load: createRequire(import.meta.url) };",
  'const text = "unterminated;',
];

const STATE: readonly string[] = [
  "export let x = 1;",
  "var x = 1;",
  "let x: number;",
  "const cache = new Map<string, number>();",
  "const cache: Map<string, number> = new Map();",
  "const cache = new Set();",
  "const cache = new WeakMap();",
  "const cache: ReadonlyMap<string, Set<string>> = new Map(names.map((name) => [name, 1]).concat([new Set()]));",
  "const queue = [];",
  "const queue: string[] = [];",
  "const cache = {};",
  "const cache: Record<string, number> = {};",
  "const { a, b } = { a: 1, b: [] };",
  "interface Settings { readonly a: number; b: number }\nconst settings: Settings = { a: 1, b: 2 };",
  "const names = words.map((word) => word.length);",
  "const names = Object.keys(words);",
  "const scratch = Buffer.alloc(64);",
  "const scratch = Buffer.allocUnsafe(64);",
  "const scratch = Buffer.allocUnsafeSlow(64);",
  'const bytes = Buffer.from("ab");\nfunction f() { bytes[0] = 1; }',
  'const bytes = Buffer.from("ab");\nconst f = () => bytes.writeUInt8(1, 0);',
  'const bytes = Buffer.from("ab");\nclass A { m(other) { other.copy(bytes); } }',
  'const bytes = Buffer.from("ab");\nconst f = () => { bytes.fill(0); };',
  "const table = new Uint8Array(256);\nexport function f(at: number): void { table[at] += 1; }",
  "const rules = new BlockList();\nexport const f = (a: string): void => rules.addAddress(a);",
  "const frozen = Object.freeze({ a: { b: 1 } });\nfunction f() { frozen.a.b = 2; }",
  "const frozen = Object.freeze({ a: 1 });\nfunction f() { delete frozen.a; }",
  "const frozen = Object.freeze({ a: { b: 1 } });\nfunction f() { frozen.a.b++; }",
  "const frozen = Object.freeze({ a: 1 });\nfunction f() { Object.assign(frozen, { a: 2 }); }",
  "class Cache {}\nconst cache = new Cache();",
  "const events = new EventEmitter();",
  "const ends = new AbortController();",
  "class Cache {}\nfunction cacheOf() { return new Cache(); }\nconst shared = { cache: cacheOf() } as const;",
  "class Cache {}\nconst cacheOf = () => new Cache();\nconst again = (): Cache => cacheOf();\nconst x = again();",
  "class Cache {}\nfunction f() { const cache = new Cache(); return cache; }\nconst x = f();",
  "function createTable() { let rows = 0; return { add: () => (rows += 1) }; }\nconst table = createTable();",
  "const next = (() => { let count = 0; return () => (count += 1); })();",
  'import { pino } from "pino";\nconst logger = pino();',
  "const WORD = /a/g;\nfunction f(text: string) { return WORD.exec(text); }",
  "const WORD = /a/y;\nfunction f(text: string) { return WORD.test(text); }",
  "const A = /a/y;\nconst B = /b/y;\nfunction f(first: boolean) { const pattern = first ? A : B; return pattern; }",
  "class A { static count = 0; }",
  "class A { static readonly cache = new Map(); }",
  "class A { static #count: number; }",
  "class A { static { start(); } }",
];

const CONSTANTS: readonly string[] = [
  "export const MAX = 5 * 60_000;",
  'const WORDS = ["a", "b"] as const;',
  'const WORDS: readonly string[] = ["a", "b"];',
  "const NAMES: ReadonlySet<string> = new Set(WORDS);",
  'const CODES: ReadonlyMap<string, number> = new Map([["a", 1]]);',
  "const DEFAULTS: Readonly<Record<string, number>> = { a: 1 };",
  "const DEFAULTS = Object.freeze({ a: [] });",
  "const SCHEMES = { a: { open } } as const satisfies Readonly<Record<string, Scheme>>;",
  "interface Settings { readonly a: number; b(): void }\nconst SETTINGS: Settings = { a: 1, b() {} };",
  'type Row = Pick<Settings, "a">;\ninterface Settings { readonly a: number }\nconst ROW: Row = { a: 1 };',
  'const EMPTY = Buffer.alloc(0);\nconst PREFACE = Buffer.from("PRI", "latin1");',
  "const f = (names: readonly string[]): Map<string, number> => new Map(names.map((name) => [name, 1]));",
  "const f = () => { let count = 0; const seen = new Set(); seen.add(count += 1); return seen; };",
  "class A { readonly #seen = new Map(); static readonly LIMIT = 5; static of(): A { return new A(); } }",
  "const WORD = /a/g;\nconst f = (text: string) => text.replaceAll(WORD, text);",
  "const table = new Uint8Array(4);\nfor (let at = 0; at < 4; at += 1) table[at] = at;",
  "const clock: Clock = { now: () => performance.now() };\ninterface Clock { now(): number; }",
  "const load = createRequire(import.meta.url);",
];

type Planted = Pick<SourceFile, "path" | "text">;

/** For each rule the sources that break it. */
const BROKEN: Readonly<Record<string, readonly Planted[]>> = {
  "imports point down the ladder, and never sideways": [
    ...[...IMPORTS_OF_A_HIGHER_ROOM, ...IMPORTS_THAT_ARE_NOT_UNDERSTOOD].map((text) => ({
      path: "registry/a.ts",
      text,
    })),
    { path: "probers/a.ts", text: 'import { x } from "../checks/x.js";' },
    { path: "checks/a.ts", text: 'import { x } from "../transports/grpc/x.js";' },
    { path: "transports/http/a.ts", text: 'import { x } from "../grpc/x.js";' },
    { path: "transports/grpc/a.ts", text: 'import { x } from "../h2/x.js";' },
    { path: "listener/a.ts", text: 'import { x } from "../config/x.js";' },
    { path: "config/a.ts", text: 'import { x } from "../daemon/x.js";' },
    { path: "core/a.ts", text: 'import { x } from "../index.js";' },
    { path: "shared/a.ts", text: "" },
  ],
  "a configuration loads no room that runs": [
    { path: "config/a.ts", text: 'import { resolverFor } from "../client/resolver.js";' },
    { path: "config/a.ts", text: 'const f = () => import("../transports/h2/engine.js");' },
    { path: "config/daemon-config.ts", text: 'import { x } from "../checks/x.js";' },
  ],
  "grpc-js is loaded in one room": [
    { path: "core/a.ts", text: 'const f = () => import("@grpc/grpc-js");' },
    { path: "probers/a.ts", text: 'const load = createRequire(import.meta.url);\nload("@grpc/reflection");' },
    { path: "transports/grpc/a.ts", text: 'import "@grpc/proto-loader";' },
  ],
  "code is loaded by imports only": [
    "eval(text);",
    "new Function(text);",
    "new Worker(url);",
    "process.dlopen(module);",
  ]
    .concat("module.register(url);", "process.getBuiltinModule(name);")
    .map((text) => ({ path: "core/a.ts", text })),
  "only the command line uses the arguments, environment and streams of the process": [
    { path: "core/a.ts", text: "const x = process.env.HOME;" },
    { path: "daemon/a.ts", text: "process.exitCode = 1;" },
    { path: "telemetry/a.ts", text: `const x = \`\${process.argv}\`;` },
  ],
  "one file listens to signals": [
    { path: "cli/a.ts", text: 'process.on("SIGTERM", f);' },
    { path: "daemon/a.ts", text: 'process.prependListener("SIGTERM", f);' },
  ],
  "no module has state": STATE.map((text) => ({ path: "core/a.ts", text })),
  "only the command line awaits at top level": [
    { path: "core/a.ts", text: "const x = await y();" },
    { path: "core/a.ts", text: "if (x) {\n  await y();\n}" },
    { path: "core/a.ts", text: "for await (const x of y) z(x);" },
  ],
  "a name means one type": [
    { path: "core/a.ts", text: "export class ConnectionGate {}" },
    { path: "core/a.ts", text: "interface StatusReader {}" },
    { path: "core/a.ts", text: "type CheckState = string;" },
  ],
  "no file has a name that says nothing": [
    { path: "core/utils.ts", text: "" },
    { path: "client/index.ts", text: "" },
  ],
  "a file has at most 300 lines": [{ path: "core/a.ts", text: "\n".repeat(301) }],
  "a file starts with its idea": [{ path: "core/a.ts", text: "const x = 1;" }],
  "there are no default exports and no intervals": [
    { path: "core/a.ts", text: "export default 1;" },
    { path: "core/a.ts", text: "const f = () => setInterval(g, 1);" },
  ],
  "a front door holds re-exports only": [
    { path: "index.ts", text: 'export { x } from "./core/x.js";\nexport const y = 1;' },
    { path: "index.ts", text: 'export * from "./core/x.js";' },
  ],
};

describe("each rule finds what breaks it", () => {
  for (const [name, rule] of Object.entries(RULES)) {
    test(name, () => {
      const broken = BROKEN[name] ?? [];
      assert.ok(broken.length > 0);
      for (const { path: planted, text } of broken) {
        const source = new SourceFile(planted, text);
        const all = name === "no module has state" ? [source] : [...sources, source];
        assert.notDeepEqual(faultsOf(rule, source, all), [], text);
      }
    });
  }

  test("a constant is not taken for state", () => {
    for (const text of CONSTANTS) {
      const source = new SourceFile("core/a.ts", text);
      assert.deepEqual(new ModuleState([source]).faultsOf(source), [], text);
    }
  });

  test("every form of an import is understood, and no other", () => {
    for (const text of IMPORTS_OF_A_HIGHER_ROOM) {
      const found = new SourceFile("core/a.ts", text).imports.map(({ from }) => from.replace(/\.json$/, ".js"));
      assert.deepEqual(found, ["../wire/x.js"], text);
    }
    for (const text of IMPORTS_THAT_ARE_NOT_UNDERSTOOD)
      assert.throws(() => new SourceFile("core/a.ts", text).imports, /line \d+: .* is not understood/, text);
  });

  test("a type that is imported is not taken for a loaded module", () => {
    for (const text of ['import type { x } from "y";', 'let x: typeof import("y");', 'let x: import("y").Z;'])
      assert.deepEqual(new SourceFile("core/a.ts", text).imports, [{ from: "y", kind: "type", line: 1 }], text);
    const [value] = new SourceFile("core/a.ts", 'const f = () => import("y").then(g);').imports;
    assert.equal(value?.kind, "dynamic");
  });

  test("a word that only looks like an import names no module", () => {
    const texts = [
      '// import { x } from "../wire/x.js";',
      '/* export * from "../wire/x.js"; */',
      'const x = "import { x } from \\"../wire/x.js\\"";',
      "const x = `import { x } from '../wire/x.js'`;",
      'const x = /import "y"/;',
      "const x = import.meta.url;",
      "const x = { import: 1, export: 2 };",
      "export const x = 1;",
      "export { x };",
      "export type x = string;",
      "object.import(x);",
    ];
    for (const text of texts) assert.deepEqual(new SourceFile("core/a.ts", text).imports, [], text);
  });

  test("a door that loads a package is found, through whatever file", () => {
    const inner = (text: string) => [
      new SourceFile("index.ts", 'export { x } from "./core/a.js";'),
      new SourceFile("core/a.ts", 'import "./b.js";\nexport const x = 1;'),
      new SourceFile("core/b.ts", text),
    ];
    assert.deepEqual(packagesLoadedBy("index.ts", inner('import "pino";')), ["pino"]);
    assert.deepEqual(packagesLoadedBy("index.ts", inner('export * from "yaml";')), ["yaml"]);
    assert.deepEqual(packagesLoadedBy("index.ts", inner('import { type x } from "yaml";')), ["yaml"]);
    assert.deepEqual(packagesLoadedBy("index.ts", inner('import type { x } from "yaml";')), []);
    assert.deepEqual(packagesLoadedBy("index.ts", inner('const f = () => import("yaml");')), []);
  });
});
