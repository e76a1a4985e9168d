/**
 * Holds the rooms apart: which may import which, and what must not stand in a file. See the ladder below.
 */
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { posix, sep } from "node:path";
import { describe, test } from "node:test";

/** The ladder: a room imports from lower ranks only, never sideways. */
const RANKS: Readonly<Record<string, number>> = {
  core: 0,
  wire: 1,
  registry: 1,
  lifecycle: 1,
  telemetry: 1,
  client: 2,
  probers: 3,
  "transports/grpc": 4,
  "transports/grpc-js": 4,
  "transports/h2": 4,
  "transports/http": 4,
  checks: 4,
  config: 5,
  listener: 5,
  daemon: 6,
  cli: 7,
};

/** The one step sideways: an engine speaks for the health service of any engine. */
const SIDEWAYS = [
  ["transports/grpc-js", "transports/grpc"],
  ["transports/h2", "transports/grpc"],
];

const MAY_IMPORT_GRPC_JS = ["transports/grpc-js"];

const BANNED_NAMES = /(?:^|\/)(?:types|utils?|helpers?|common|misc|index)\.ts$/;

/** A source file. */
interface Source {
  /** Relative to src, with slashes. */
  readonly path: string;
  readonly text: string;
}

interface Import {
  readonly from: string;
  readonly typeOnly: boolean;
  readonly dynamic: boolean;
}

/** A source without its comments and the contents of its strings. */
function codeOf(text: string): string {
  return text
    .replace(/\/\*[\s\S]*?\*\//g, "")
    .replace(/(^|[^:"'`\\])\/\/.*$/gm, "$1")
    .replace(/`(?:\\.|[^`\\])*`/g, "``");
}

const STATIC_IMPORT = /^(?:import|export)\s+(type\s+)?(\{[^}]*\}|\*(?: as \w+)?|\w+)\s+from\s+"([^"]+)";/gm;

function importsOf({ text }: Source): Import[] {
  const code = codeOf(text);
  const found: Import[] = [];
  for (const [, type, names = "", from = ""] of code.matchAll(STATIC_IMPORT)) {
    const each = /^\{([\s\S]*)\}$/
      .exec(names)?.[1]
      ?.split(",")
      .filter((name) => name.trim() !== "");
    const typeOnly = type !== undefined || (each?.every((name) => name.trim().startsWith("type ")) ?? false);
    found.push({ from, typeOnly, dynamic: false });
  }
  for (const [, from] of code.matchAll(/(?:import|require)\(\s*"([^"]+)"\s*\)/g)) {
    found.push({ from: from ?? "", typeOnly: false, dynamic: true });
  }
  return found;
}

function roomOf(path: string): string {
  const parts = path.split("/");
  return parts[0] === "transports" ? parts.slice(0, 2).join("/") : parts.length === 1 ? "" : (parts[0] ?? "");
}

function targetOf(source: Source, from: string): string | undefined {
  if (!from.startsWith(".")) return undefined;
  return posix.normalize(posix.join(posix.dirname(source.path), from)).replace(/\.js$/, ".ts");
}

/** Each rule: the faults that it finds in a source. */
const RULES: Readonly<Record<string, (source: Source) => readonly string[]>> = {
  "imports point down the ladder, and never sideways": (source) => {
    const room = roomOf(source.path);
    if (room === "") return [];
    const rank = RANKS[room];
    if (rank === undefined) return [`there is no room ${room}`];
    return importsOf(source).flatMap(({ from }) => {
      const target = targetOf(source, from);
      if (target === undefined || target.startsWith("../")) return [];
      const other = roomOf(target);
      if (other === "") return [`imports the front door ${target}`];
      const sideways = SIDEWAYS.some(([one, two]) => one === room && two === other);
      return other === room || sideways || (RANKS[other] ?? 99) < rank ? [] : [`${room} imports ${other}`];
    });
  },
  "grpc-js is loaded in its one place": (source) =>
    importsOf(source)
      .filter(({ from, typeOnly }) => from.startsWith("@grpc/") && !typeOnly)
      .filter(() => !MAY_IMPORT_GRPC_JS.includes(roomOf(source.path)))
      .map(({ from }) => `loads ${from}`),
  "the process is the command line's": (source) =>
    roomOf(source.path) === "cli"
      ? []
      : [...codeOf(source.text).matchAll(/\bprocess\.(?:env|argv|exit|exitCode|stdout|stderr|stdin)\b/g)].map(
          ([use]) => use,
        ),
  "signals are listened to in one file": (source) =>
    source.path === "lifecycle/signals.ts"
      ? []
      : [...codeOf(source.text).matchAll(/\bprocess\.(?:on|once)\b/g)].map(([use]) => use),
  "no module has state that changes": (source) =>
    [...codeOf(source.text).matchAll(/^(?:export )?(?:let|var) .*/gm)].map(([line]) => line),
  "only the command line awaits at top level": (source) =>
    roomOf(source.path) === "cli"
      ? []
      : [...codeOf(source.text).matchAll(/^(?:const .*= )?await .*/gm)].map(([line]) => line),
  "no file has a name that says nothing": (source) =>
    roomOf(source.path) !== "" && BANNED_NAMES.test(source.path) ? ["such a file becomes a drawer"] : [],
  "a file has at most 300 lines": ({ text }) => {
    const lines = text.split("\n").length - 1;
    return lines > 300 ? [`${lines} lines`] : [];
  },
  "a file opens with its idea": ({ text }) => (/^(?:#!.*\n)?\/\*\*/.test(text) ? [] : ["no comment at its head"]),
  "there are no default exports and no intervals": ({ text }) =>
    [...codeOf(text).matchAll(/\bexport default\b|\bsetInterval\(/g)].map(([use]) => use),
  "a front door holds re-exports alone": ({ path, text }) => {
    if (path.includes("/")) return [];
    const rest = codeOf(text).replace(/export (?:type )?\{[^}]*\} from "[^"]+";/g, "");
    return rest.trim() === "" ? [] : [rest.trim()];
  },
};

const SRC = new URL("../src/", import.meta.url);

const sources: readonly Source[] = readdirSync(SRC, { recursive: true, encoding: "utf8" })
  .map((path) => path.split(sep).join("/"))
  .filter((path) => path.endsWith(".ts"))
  .map((path) => ({ path, text: readFileSync(new URL(path, SRC), "utf8") }));

/** The modules that the import of a file loads, third-party ones among them. */
function loadedBy(path: string, seen: Set<string> = new Set()): Set<string> {
  const source = sources.find((candidate) => candidate.path === path);
  if (source === undefined || seen.has(path)) return seen;
  seen.add(path);
  for (const { from, typeOnly, dynamic } of importsOf(source)) {
    if (typeOnly || dynamic) continue;
    const target = targetOf(source, from);
    if (target === undefined) seen.add(from);
    else loadedBy(target, seen);
  }
  return seen;
}

describe("the architecture", () => {
  test("every source was read", () => {
    assert.ok(sources.length > 60, `${sources.length} files`);
    const imports = sources.flatMap(importsOf);
    const written = sources.map(({ text }) => [...text.matchAll(/^(?:import|export)\b[^;]*?\bfrom "/gm)].length);
    assert.ok(imports.length >= written.reduce((sum, count) => sum + count, 0), "an import was not understood");
  });

  for (const [rule, faultsOf] of Object.entries(RULES)) {
    test(rule, () => {
      const faults = sources.flatMap((source) => faultsOf(source).map((fault) => `${source.path}: ${fault}`));
      assert.deepEqual(faults, []);
    });
  }

  test("the library's door loads no third-party module", () => {
    const loaded = [...loadedBy("index.ts")].filter((name) => !name.endsWith(".ts") && !name.startsWith("node:"));
    assert.deepEqual(loaded, []);
  });

  const broken: Readonly<Record<string, Source>> = {
    "imports point down the ladder, and never sideways": {
      path: "registry/a.ts",
      text: 'import { x } from "../wire/x.js";',
    },
    "grpc-js is loaded in its one place": { path: "core/a.ts", text: 'const x = await import("@grpc/grpc-js");' },
    "the process is the command line's": { path: "core/a.ts", text: "const x = process.env.HOME;" },
    "signals are listened to in one file": { path: "cli/a.ts", text: 'process.on("SIGTERM", f);' },
    "no module has state that changes": { path: "core/a.ts", text: "export let x = 1;" },
    "only the command line awaits at top level": { path: "core/a.ts", text: "const x = await y();" },
    "no file has a name that says nothing": { path: "core/utils.ts", text: "" },
    "a file has at most 300 lines": { path: "core/a.ts", text: "\n".repeat(301) },
    "a file opens with its idea": { path: "core/a.ts", text: "const x = 1;" },
    "there are no default exports and no intervals": { path: "core/a.ts", text: "export default 1;" },
    "a front door holds re-exports alone": {
      path: "index.ts",
      text: 'export { x } from "./core/x.js";\nexport const y = 1;',
    },
  };
  for (const [rule, faultsOf] of Object.entries(RULES)) {
    test(`bites: ${rule}`, () => {
      const source = broken[rule];
      assert.ok(source !== undefined && faultsOf(source).length > 0);
    });
  }
});
