/**
 * A configuration file made into a configuration, or into every fault that it has.
 *
 *     text --yaml-text--> plain data with places --shape--> ConfigFile --meaning--> DaemonConfig
 *               |                                   |                       |
 *               '-----------------------------------'-----------------------'--> ConfigError, with the faults of all
 */
import { readFileSync } from "node:fs";
import { isDeepStrictEqual } from "node:util";
import { resolverFor } from "../client/resolver.js";
import type { DaemonConfig } from "./daemon-config.js";
import { ConfigError, type Fault, type Path } from "./fault.js";
import { createFiles } from "./files.js";
import { readMeaning } from "./meaning.js";
import { judgeShape } from "./shape.js";
import { readYaml, type YamlText } from "./yaml-text.js";

/** The environment that `${NAME}` looks into. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** Longer files are refused: nobody wrote them. */
const MAX_BYTES = 1_048_576;

const MIN_SECRET_CHARACTERS = 4;

/** Errors cut long values; what is longer than this may be there in part. */
const MAX_UNCUT_CHARACTERS = 24;

const START = { line: 1, column: 1 };

/**
 * Reads a file.
 * @throws ConfigError
 */
export function loadConfig(file: string, environment: Environment): DaemonConfig {
  return parseConfig(file, readText(file), environment);
}

/**
 * Reads a file's text; `file` is its name for the errors.
 * @throws ConfigError
 */
export function parseConfig(file: string, text: string, environment: Environment): DaemonConfig {
  const files = createFiles();
  const yaml = readYaml(text, {
    variable: (name) => (Object.hasOwn(environment, name) ? environment[name] : undefined),
    secret: (path, blame) => files.secret(path, blame),
  });
  if (yaml.value === undefined) throw new ConfigError(file, yaml.faults);
  const shaped = judgeShape(yaml);
  const faults: Fault[] = [];
  const tell = (fault: Fault) => {
    // what has a fault already, or has one within, is not judged further: the first tells the cause
    if (!faults.some(({ path }) => startsWith(path, fault.path))) faults.push(fault);
  };
  for (const fault of [...yaml.faults, ...shaped.faults]) tell(fault);
  const blame = (path: Path, text: string) => tell({ position: yaml.locate(path), path, text });
  const config = readMeaning(shaped.file, { blame, files, resolverFor, named: namesIn(yaml.value) });
  if (faults.length > 0)
    throw new ConfigError(
      file,
      faults.map((fault) => withoutSecrets(fault, yaml)),
    );
  return config;
}

function startsWith(path: Path, beginning: Path): boolean {
  return beginning.length > 0 && isDeepStrictEqual(path.slice(0, beginning.length), beginning);
}

/** A fault that shows nothing of what was put in for `${...}`: it may be a secret, whole or cut. */
function withoutSecrets(fault: Fault, yaml: YamlText): Fault {
  let { text } = fault;
  for (const piece of yaml.pieces) {
    // a short piece is hidden where it was put in; elsewhere the same letters are another word
    if (piece.length < MIN_SECRET_CHARACTERS && !yaml.isSubstituted(fault.path)) continue;
    for (const form of [piece, JSON.stringify(piece).slice(1, -1)]) text = text.replaceAll(form, "***");
    const beginning = JSON.stringify(piece).slice(1, 1 + MAX_UNCUT_CHARACTERS);
    if (piece.length > MAX_UNCUT_CHARACTERS) text = text.replace(new RegExp(`${escaped(beginning)}[^"]*`, "g"), "***");
  }
  return { ...fault, text };
}

function escaped(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&");
}

/** The names of checks and services that a file has, those with faults among them. */
function namesIn(value: unknown): ReadonlySet<string> {
  const { checks, services } = Object(value);
  return new Set([...Object.keys(Object(checks)), ...Object.keys(Object(services))]);
}

/** The text of a configuration file. */
export function readText(file: string): string {
  let bytes: Buffer;
  try {
    bytes = readFileSync(file);
  } catch (cause) {
    const code = cause instanceof Error && "code" in cause ? String(cause.code) : String(cause);
    throw new ConfigError(file, [{ position: START, path: [], text: `cannot read this file (${code})` }], { cause });
  }
  if (bytes.length <= MAX_BYTES) return bytes.toString("utf8");
  const text = `this file has ${bytes.length} bytes; at most ${MAX_BYTES} are read`;
  throw new ConfigError(file, [{ position: START, path: [], text }]);
}
