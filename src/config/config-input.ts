/**
 * A configuration as it was given: a file, flags on top of it, and the place of every value in either of them.
 *
 *     file   { checks: { a }, listen, paths }  --.
 *     flags  --check b=URL, --listen, --path   --+--> content: checks a and b, the flag's listen, both paths
 *                                                '--> a fault of checks.b is shown with --check b, one of checks.a at its line
 */
import { describeViolation, type Violation } from "../checks/violation.js";
import { formatPath, type Path } from "../core/option-error.js";
import { OVERALL } from "../core/service-name.js";
import { ConfigError, type Fault, FaultList, type Position } from "./fault.js";
import { createFiles, type Files } from "./files.js";
import type { CheckEntry, ConfigFile } from "./schema.js";

/** What was read from a file. */
export interface ConfigSource {
  /** The name of the file. */
  readonly name: string;
  /** Its text; `undefined` without a file. */
  readonly text: string | undefined;
  readonly content: ConfigFile;
  /** The names of its checks and services, also of those that have a fault. */
  readonly names: ReadonlySet<string>;
  readonly faults: FaultList;
  readonly files: Files;
  readonly has: (path: Path) => boolean;
  /** Whether a placeholder stands for the value: what is wrong with it says nothing. */
  readonly isUnknown: (path: Path) => boolean;
  /** The `${...}` in the text of a value. */
  readonly referencesIn: (path: Path) => readonly string[];
  readonly locate: (path: Path) => Position;
  /** Removes the secrets from faults. */
  readonly redact: (faults: readonly Fault[]) => readonly Fault[];
}

/** What flags say, in the words of a file. */
export interface ConfigFlags {
  /** Keys that replace those of the file, but for `paths` and `statusCodePaths`, which are added. */
  readonly content: ConfigFile;
  readonly checks: readonly (readonly [name: string, entry: CheckEntry])[];
  /** The flag of a key: `tls.certFile` has `--tls-cert`, `interval` has `--interval`. */
  readonly flags: ReadonlyMap<string, string>;
}

/** A value of the file that a flag replaces. */
export interface Overridden {
  readonly flag: string;
  /** `undefined` if the file does not have the key. */
  readonly value: unknown;
}

/** A source without a file. */
export function noSource(files: Files = createFiles()): ConfigSource {
  const start = { line: 1, column: 1 };
  return {
    name: "",
    text: undefined,
    content: {},
    names: new Set(),
    faults: new FaultList(),
    files,
    has: () => false,
    isUnknown: () => false,
    referencesIn: () => [],
    locate: () => start,
    redact: (faults) => faults,
  };
}

/** Keys to whose list flags add. */
const ADDED_KEYS: ReadonlySet<string> = new Set(["paths", "statusCodePaths"]);

function isAdded(key: string | number): key is "paths" | "statusCodePaths" {
  return ADDED_KEYS.has(String(key));
}

const NO_NAMES: ReadonlyMap<string, string> = new Map();

export const NO_FLAGS: Readonly<ConfigFlags> = { content: {}, checks: [], flags: NO_NAMES };

export class ConfigInput {
  readonly content: ConfigFile;
  readonly files: Files;
  /** The names of all checks and services, also of those that have a fault. */
  readonly names: ReadonlySet<string>;
  readonly #source: ConfigSource;
  readonly #flags: ConfigFlags;
  readonly #flagChecks: ReadonlyMap<string, CheckEntry>;

  constructor(source: ConfigSource, flags: ConfigFlags) {
    this.#source = source;
    this.#flags = flags;
    this.files = source.files;
    this.#flagChecks = this.#findFlagChecks();
    const { content } = source;
    this.content = {
      ...content,
      ...flags.content,
      // `--tls-cert` replaces a file, not the rules for clients
      tls: flags.content.tls === undefined ? content.tls : { ...content.tls, ...flags.content.tls },
      paths: [...(content.paths ?? []), ...(flags.content.paths ?? [])],
      statusCodePaths: [...(content.statusCodePaths ?? []), ...(flags.content.statusCodePaths ?? [])],
      checks: Object.fromEntries([...Object.entries(content.checks ?? {}), ...this.#flagChecks]),
    };
    this.names = new Set([...source.names, ...this.#flagChecks.keys()]);
  }

  /** The number of checks in the file; `undefined` if it has no `checks`. */
  get fileChecks(): number | undefined {
    return this.#source.has(["checks"]) ? Object.keys(this.#source.content.checks ?? {}).length : undefined;
  }

  /** The values of the file that flags replace, by their key. */
  get overridden(): ReadonlyMap<string, Overridden> {
    const { content } = this.#source;
    const entries = Object.keys(this.#flags.content)
      .filter((key) => !ADDED_KEYS.has(key))
      .map((key) => [key, { flag: this.#flags.flags.get(key) ?? key, value: Reflect.get(content, key) }] as const);
    return new Map(entries);
  }

  /** Adds a fault of a value. */
  readonly refuse = (path: Path, text: string): void => {
    this.#addFault(path, text, this.#source.isUnknown(path));
  };

  #addFault(path: Path, text: string, isUnknown: boolean): void {
    this.#source.faults.add({ place: this.#flagOf(path) ?? this.#source.locate(path), path, text, isUnknown });
  }

  /** Adds a rule that a declaration breaks. */
  refuseViolation(violation: Violation): void {
    const text = describeViolation(
      violation,
      (path) => this.#nameOption(path),
      (path) => this.#nameDeclaration(path),
    );
    const path = this.#toFilePath(violation.path);
    const whole = `${this.#missingPart(violation, path)}${text}${this.#valueHint(violation, path)}`;
    this.#addFault(path, whole, this.#isOfUnknown(violation));
  }

  /** Whether a check comes from a flag. */
  isFromFlag(check: string): boolean {
    return this.#flagChecks.has(check);
  }

  /** @throws ConfigError with every fault, if there is one */
  throwFaults(): void {
    const { name, faults, redact } = this.#source;
    const known = faults.faults.filter(({ isUnknown }) => isUnknown !== true);
    if (known.length > 0) throw new ConfigError(name, redact(known));
  }

  /** Whether a violation is about a value, a limit or a target that a placeholder stands for. */
  #isOfUnknown({ path, limit }: Violation): boolean {
    const [key, check, option] = path;
    const isAboutName = (key === "checks" || key === "services") && path.length === 2;
    const ofTarget = key === "checks" && option === "forgetAfter" ? [[key, check ?? "", "target"]] : [];
    return [...(isAboutName ? [] : [path]), ...(limit === undefined ? [] : [limit.path]), ...ofTarget].some((each) =>
      this.#source.isUnknown(this.#toFilePath(each)),
    );
  }

  /** The checks of flags, without those whose name is in use. */
  #findFlagChecks(): ReadonlyMap<string, CheckEntry> {
    const found = new Map<string, CheckEntry>();
    for (const [name, entry] of this.#flags.checks) {
      const inFile = this.#source.names.has(name) && Object.hasOwn(this.#source.content.checks ?? {}, name);
      if (!inFile && !found.has(name)) {
        found.set(name, entry);
        continue;
      }
      const where = inFile ? "in the file" : "on the command line";
      const text = `there is another check named ${JSON.stringify(name)} ${where}`;
      this.#source.faults.add({ place: `--check ${name}`, path: [], text });
    }
    return found;
  }

  /** The flag of an option, or its path in the file. An option that is not in the file has its name alone. */
  #nameOption(option: Path): string {
    const path = this.#toFilePath(option);
    const isInFile = this.#source.has(path) && path.at(-1) === option.at(-1);
    return this.#flagOf(option) ?? (isInFile ? formatPath(path) : String(option.at(-1)));
  }

  /** The flag of a declaration, or its path and its position in the file. */
  #nameDeclaration(declaration: Path): string {
    const path = this.#toFilePath(declaration);
    const { line, column } = this.#source.locate(path);
    return this.#flagOf(path) ?? `${formatPath(path)} at ${this.#source.name}:${line}:${column}`;
  }

  /** The flag that a value comes from. */
  #flagOf(path: Path): string | undefined {
    const [key = "", step, setting] = path;
    const { flags, content } = this.#flags;
    if (key === "checks" && this.#flagChecks.has(String(step)))
      return (setting === undefined ? undefined : flags.get(String(setting))) ?? `--check ${step}`;
    if (!Object.hasOwn(content, key)) return undefined;
    if (isAdded(key) && Number(step) < (this.#source.content[key]?.length ?? 0)) return undefined;
    return flags.get(`${key}.${step}`) ?? flags.get(String(key));
  }

  /** Values of a URL may be the reason why it is invalid, and are not shown. */
  #valueHint({ code }: Violation, inFile: Path): string {
    const names = code === "INVALID_TARGET" ? this.#source.referencesIn(inFile).filter((each) => each !== "$$") : [];
    if (names.length === 0) return "";
    return `; ${names.join(" and ")}: only in the user info is a value percent-encoded; in other places it is taken as it is (encode # as %23, ? as %3F, / as %2F, % as %25)`;
  }

  /** The part of an option's name that its place does not show: the option is missing in the file. */
  #missingPart({ code, path }: Violation, inFile: Path): string {
    const isOption = code === "INVALID_OPTION" && path[0] === "checks" && inFile[0] === "checks";
    const missing = isOption ? path.slice(inFile.length) : [];
    return missing.length === 0 ? "" : `${formatPath(missing)} `;
  }

  /** The path of a value in the file, from its path in the declarations. */
  #toFilePath(path: Path): Path {
    const [key, name = "", ...rest] = path;
    if (key === "services") return this.#toServicePath(String(name), rest);
    if (key !== "checks" || this.isFromFlag(String(name))) return path;
    const [setting] = rest;
    if (setting !== undefined && !this.#source.has(path)) {
      const inDefaults = ["defaults", setting];
      return this.#source.has(inDefaults) ? inDefaults : this.#nearest(toFileName(path));
    }
    return path;
  }

  /** Members are in a list, or under `all`, `any` or `of`. */
  #toServicePath(name: string, [part, index]: Path): Path {
    const entry = this.content.services?.[name];
    const path = name === OVERALL ? ["overall"] : ["services", name];
    const key = entry === undefined || Array.isArray(entry) ? [] : "of" in entry ? ["of"] : Object.keys(entry);
    if (part === "members") return [...path, ...key, ...(index === undefined ? [] : [index])];
    return part === "policy" && key.length > 0 ? [...path, "quorum"] : path;
  }

  /** A target that is written as `NAME: URL` has no key of its own. */
  #nearest(path: Path): Path {
    if (path.length <= 2 || this.#source.has(path) || this.#flagOf(path) !== undefined) return path;
    return this.#nearest(path.slice(0, -1));
  }
}

/** TLS options that are the names of files in the file, and texts in the declarations. */
const FILE_NAMES: Readonly<Record<string, string>> = { ca: "caFile", cert: "certFile", key: "keyFile" };

function toFileName(path: Path): Path {
  const [key, check, option, name, ...rest] = path;
  const inFile = option === "tls" && name !== undefined ? FILE_NAMES[name] : undefined;
  return inFile === undefined ? path : [key ?? "", check ?? "", "tls", inFile, ...rest];
}
