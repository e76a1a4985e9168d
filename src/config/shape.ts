/**
 * Checks the shape of a configuration: turns the issues that the schema finds into faults with a place and a suggestion.
 */
import * as v from "valibot";
import type { Path } from "../checks/violation.js";
import { nearestTo } from "../core/nearest.js";
import type { Fault } from "./fault.js";
import { CONFIG_SCHEMA, type ConfigFile } from "./schema.js";
import type { YamlText } from "./yaml-text.js";

/** The part of a file whose shape is right, and what is wrong with the rest. */
export interface Shaped {
  /** The file without the values that have a fault: the rest can be checked further, to report every fault at once. */
  readonly file: ConfigFile;
  readonly faults: readonly Fault[];
}

/** Checks the shape. A value that came from `${...}` is text; where a number or a switch is expected it becomes one. */
export function checkShape(yaml: YamlText): Shaped {
  const keys = new KnownKeys();
  let value = yaml.value;
  let leaves = issuesIn(value, keys);
  const typed = typeSubstituted(value, leaves, yaml);
  if (typed !== undefined) [value, leaves] = [typed, issuesIn(typed, keys)];
  const faults = leaves.map((leaf) => faultOf(leaf, yaml, keys));
  // each round removes something, and an empty file is valid: the loop ends
  for (; leaves.length > 0; leaves = issuesIn(value, keys))
    value = without(
      value,
      leaves.map(({ path }) => path),
    );
  return { file: v.parse(CONFIG_SCHEMA, value), faults };
}

function issuesIn(value: unknown, keys: KnownKeys): readonly Leaf[] {
  const parsed = v.safeParse(CONFIG_SCHEMA, value);
  if (parsed.success) return [];
  return parsed.issues.flatMap((issue) => {
    const path = pathOf(issue);
    return isUnknownKey(issue) ? unknownKeys(issue, path, keys) : [{ issue, path }];
  });
}

/** The schema finds one unknown key of a table. All are faults, and all are removed in one round. */
function unknownKeys(issue: v.BaseIssue<unknown>, path: Path, keys: KnownKeys): readonly Leaf[] {
  const table = path.slice(0, -1);
  const known = new Set(keys.at(table));
  const own = Object.keys(Object(issue.path?.at(-1)?.input));
  return own.filter((key) => key === path.at(-1) || !known.has(key)).map((key) => ({ issue, path: [...table, key] }));
}

/** A copy without the values at the paths. */
function without(value: unknown, paths: readonly Path[]): unknown {
  const ends = paths.map((path) => removable(value, path));
  if (ends.some(({ length }) => length === 0)) return {};
  const copy: unknown = structuredClone(value);
  for (const end of ends) delete Object(valueAt(copy, end.slice(0, -1)))[end.at(-1) ?? ""];
  return copy;
}

/** What has to be removed for a path: the whole list for an item, and for a missing value the table around it. */
function removable(value: unknown, path: Path): Path {
  const firstIndex = path.findIndex((step) => typeof step === "number");
  const end = firstIndex === -1 ? path : path.slice(0, firstIndex);
  const isThere = end.length === 0 || Object.hasOwn(Object(valueAt(value, end.slice(0, -1))), end.at(-1) ?? "");
  return isThere ? end : removable(value, end.slice(0, -1));
}

function valueAt(root: unknown, path: Path): unknown {
  return path.reduce<unknown>((value, step) => Object(value)[step], root);
}

/** An issue with its path. */
interface Leaf {
  readonly issue: v.BaseIssue<unknown>;
  readonly path: Path;
}

function pathOf(issue: v.BaseIssue<unknown>): Path {
  return (issue.path ?? []).map(({ key }) => (typeof key === "number" ? key : String(key)));
}

function faultOf({ issue, path }: Leaf, yaml: YamlText, keys: KnownKeys): Fault {
  const isUnknown = isUnknownKey(issue);
  const text = isUnknown ? unknownKey(path, keys) : messageOf(issue);
  return { place: yaml.locate(path, isUnknown ? "key" : "value"), path, text };
}

function isUnknownKey({ type, expected }: v.BaseIssue<unknown>): boolean {
  return type === "strict_object" && expected === "never";
}

function messageOf(issue: v.BaseIssue<unknown>): string {
  return issue.type === "strict_object" && issue.received === "undefined" ? "is missing" : issue.message;
}

function unknownKey(path: Path, keys: KnownKeys): string {
  const known = keys.at(path.slice(0, -1));
  const nearest = nearestTo(String(path.at(-1)), known);
  const hint = nearest === undefined ? `known: ${known.join(", ")}` : `did you mean ${nearest}?`;
  return `unknown key; ${hint}`;
}

/** The keys that tables may have. All checks have the same ones: they are collected once. */
class KnownKeys {
  readonly #known = new Map<string, readonly string[]>();

  /** The keys of the table at a path. */
  at(path: Path): readonly string[] {
    const kind = path.map((step, index) => (index === 1 ? "*" : step)).join(".");
    const known = this.#known.get(kind) ?? keysAt(path);
    this.#known.set(kind, known);
    return known;
  }
}

function keysAt(path: Path): readonly string[] {
  const schemas = path.reduce<readonly v.GenericSchema[]>(
    (outer, step) => outer.flatMap((schema) => inside(schema, step)),
    [CONFIG_SCHEMA],
  );
  return [...new Set(schemas.flatMap(branchesOf).flatMap((schema) => Object.keys(entriesOf(schema))))];
}

function inside(schema: v.GenericSchema, step: string | number): readonly v.GenericSchema[] {
  return branchesOf(schema).flatMap((branch) => {
    const entry = entriesOf(branch)[step];
    if (entry !== undefined) return [entry];
    // valibot's generic type does not have the fields of each kind of schema
    const { value, item } = branch as { value?: v.GenericSchema; item?: v.GenericSchema };
    return [value, item].filter((inner) => inner !== undefined);
  });
}

function branchesOf(schema: v.GenericSchema): readonly v.GenericSchema[] {
  // valibot's generic type does not have the fields of each kind of schema
  const { wrapped, options, getter } = schema as {
    wrapped?: v.GenericSchema;
    options?: readonly v.GenericSchema[];
    getter?: (input: unknown) => v.GenericSchema;
  };
  const inner = wrapped ?? getter?.(undefined);
  if (inner !== undefined) return branchesOf(inner);
  return options === undefined ? [schema] : options.flatMap(branchesOf);
}

function entriesOf(schema: v.GenericSchema): Readonly<Record<string, v.GenericSchema>> {
  return (schema as { entries?: Record<string, v.GenericSchema> }).entries ?? {};
}

/** A copy of the value in which texts from `${...}` are numbers and booleans where the schema requires them. */
function typeSubstituted(value: unknown, leaves: readonly Leaf[], yaml: YamlText): unknown {
  const isWanted = ({ issue, path }: Leaf) => ["number", "boolean"].includes(issue.type) && yaml.isSubstituted(path);
  const wanted = leaves.filter(isWanted);
  if (wanted.length === 0) return undefined;
  const copy: unknown = structuredClone(value);
  for (const { path } of wanted) retype(Object(valueAt(copy, path.slice(0, -1))), path.at(-1) ?? "");
  return copy;
}

function retype(parent: Record<string | number, unknown>, key: string | number): void {
  const text = parent[key];
  if (text === "true" || text === "false") parent[key] = text === "true";
  else if (typeof text === "string" && /^-?\d+(?:\.\d+)?$/.test(text)) parent[key] = Number(text);
}
