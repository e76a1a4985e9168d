/**
 * Reads a configuration file: YAML, with a place for each value, in the shape of the schema.
 *
 *     text --yaml-text--> plain data with places --shape--> ConfigFile --validate--> DaemonConfig
 *               |                                   |                       |
 *               '-----------------------------------'-----------------------'--> ConfigError with every fault
 */
import type { Path } from "../core/option-error.js";
import { ConfigError, FaultList } from "./fault.js";
import { createFiles, type Files } from "./files.js";
import { KnownPaths } from "./known-paths.js";
import { isDescriptor, readDescriptor, readRegularFileSync } from "./read-file.js";
import { Redactor } from "./redact.js";
import { checkShape } from "./shape.js";
import type { Sources } from "./substitution.js";
import type { ConfigSource } from "./validate.js";
import { readYaml } from "./yaml-text.js";

/** The environment, for `${NAME}`. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** How a file is read. */
export interface ReadOptions {
  /** A placeholder stands for each `${...}` without a value. The configuration must not be used then. */
  readonly withoutEnvironment?: boolean;
}

const START = { line: 1, column: 1 } as const;

/** A shell empties a file before it writes it: an empty file is no request to check nothing. */
const EMPTY = "this file is empty; for a server without checks write checks: {}";

/**
 * Reads a file.
 * @throws ConfigError for a file that cannot be read, or is not YAML
 */
export function readConfigFile(file: string, environment: Environment, options?: ReadOptions): ConfigSource {
  return readConfigText(file, readText(file), environment, options);
}

/**
 * Reads the text of a file; `file` is its name for the errors.
 * @throws ConfigError for a text that is not YAML
 */
export function readConfigText(
  file: string,
  text: string,
  environment: Environment,
  options: ReadOptions = {},
): ConfigSource {
  return readConfigSource({ file, text, environment, files: createFiles(), ...options });
}

/** A text with what it is read with. */
interface SourceText extends ReadOptions {
  readonly file: string;
  readonly text: string;
  readonly environment: Environment;
  /** Reads the files that the text names. */
  readonly files: Files;
}

/** The same with files that are known already. */
export function readConfigSource({ file, text, environment, files, withoutEnvironment }: SourceText): ConfigSource {
  const paths = new KnownPaths();
  const sources: Sources = {
    variable: (name) => (Object.hasOwn(environment, name) ? environment[name] : undefined),
    secret: (path, refuse) => files.read(path, "secret", refuse),
    usesPlaceholders: withoutEnvironment,
  };
  const yaml = readYaml(text, sources, paths);
  if (yaml.value === undefined) throw new ConfigError(file, yaml.faults);
  if (isEmptyTable(yaml.value) && yaml.faults.length === 0)
    throw new ConfigError(file, [{ place: START, path: [], text: EMPTY }]);
  const shaped = checkShape(yaml, paths);
  const { find, nearest, locate, pieces } = yaml;
  const faults = new FaultList();
  const isUnknown = (path: Path) => nearest(path).isUnknown;
  for (const fault of yaml.faults) faults.add(fault);
  for (const fault of shaped.faults) faults.add({ ...fault, isUnknown: isUnknown(fault.path) });
  return {
    name: file,
    text,
    content: shaped.file,
    names: namesIn(yaml.value),
    faults,
    files,
    has: (path) => find(path) !== undefined,
    isUnknown,
    referencesIn: (path) => nearest(path).references,
    locate,
    redact(found) {
      const redactor = new Redactor(pieces);
      return found.map((fault) => ({
        ...fault,
        text: redactor.redact(fault.text, nearest(fault.path).isSubstituted),
      }));
    },
  };
}

/** The names of the checks and services of a file, also of those that have a fault. */
function namesIn(value: unknown): ReadonlySet<string> {
  const { checks, services } = Object(value);
  return new Set([...Object.keys(Object(checks)), ...Object.keys(Object(services))]);
}

function isEmptyTable(value: unknown): boolean {
  return typeof value === "object" && value !== null && !Array.isArray(value) && Object.keys(value).length === 0;
}

function readText(file: string): string {
  const content = isDescriptor(file) ? readDescriptor(file) : readRegularFileSync(file);
  if ("text" in content) return content.text;
  throw new ConfigError(file, [{ place: undefined, path: [], text: `cannot read this file${content.fault}` }]);
}
