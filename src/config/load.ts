/**
 * Reads a configuration file: YAML, with a place for each value, in the shape of the schema.
 *
 *     text --yaml-text--> plain data with places --shape--> ConfigFile --validate--> DaemonConfig
 *               |                                   |                       |
 *               '-----------------------------------'-----------------------'--> ConfigError with every fault
 */
import type { DaemonConfig } from "./daemon-config.js";
import { ConfigError, FaultList } from "./fault.js";
import { createFiles, type Files } from "./files.js";
import { isDescriptor, readDescriptor, readRegularFile } from "./read-file.js";
import { Redactor } from "./redact.js";
import { checkShape } from "./shape.js";
import { type ConfigSource, requireValid, validateConfig } from "./validate.js";
import { readYaml } from "./yaml-text.js";

/** The environment, for `${NAME}`. */
export type Environment = Readonly<Record<string, string | undefined>>;

const START = { line: 1, column: 1 } as const;

/** A shell empties a file before it writes it: an empty file is no request to check nothing. */
const EMPTY = "this file is empty; for a server without checks write checks: {}";

/**
 * Reads a file.
 * @throws ConfigError for a file that cannot be read, or is not YAML
 */
export function readConfigFile(file: string, environment: Environment): ConfigSource {
  return readConfigText(file, readText(file), environment);
}

/**
 * Reads the text of a file; `file` is its name for the errors.
 * @throws ConfigError for a text that is not YAML
 */
export function readConfigText(file: string, text: string, environment: Environment): ConfigSource {
  return readConfigSource({ file, text, environment, files: createFiles() });
}

/** A text with what it is read with. */
interface SourceText {
  readonly file: string;
  readonly text: string;
  readonly environment: Environment;
  /** Reads the files that the text names. */
  readonly files: Files;
}

/** The same with files that are known already. */
export function readConfigSource({ file, text, environment, files }: SourceText): ConfigSource {
  const yaml = readYaml(text, {
    variable: (name) => (Object.hasOwn(environment, name) ? environment[name] : undefined),
    secret: (path, refuse) => files.read(path, "secret", refuse),
  });
  if (yaml.value === undefined) throw new ConfigError(file, yaml.faults);
  if (isEmptyTable(yaml.value) && yaml.faults.length === 0)
    throw new ConfigError(file, [{ place: START, path: [], text: EMPTY }]);
  const shaped = checkShape(yaml);
  const faults = new FaultList();
  for (const fault of [...yaml.faults, ...shaped.faults]) faults.add(fault);
  const { has, locate } = yaml;
  const { isSubstituted, pieces } = yaml;
  return {
    name: file,
    text,
    content: shaped.file,
    names: namesIn(yaml.value),
    faults,
    files,
    has,
    locate,
    redact(found) {
      const redactor = new Redactor(pieces);
      return found.map((fault) => ({ ...fault, text: redactor.redact(fault.text, isSubstituted(fault.path)) }));
    },
  };
}

/**
 * Reads the text of a file and validates it; `file` is its name for the errors.
 * @throws ConfigError
 */
export function parseConfig(file: string, text: string, environment: Environment): DaemonConfig {
  return requireValid(validateConfig(readConfigText(file, text, environment)), [], environment);
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
  const content = isDescriptor(file) ? readDescriptor(file) : readRegularFile(file);
  if ("text" in content) return content.text;
  throw new ConfigError(file, [{ place: undefined, path: [], text: `cannot read this file${content.fault}` }]);
}
