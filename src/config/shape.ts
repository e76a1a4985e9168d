/**
 * Checks the shape of a configuration: turns the issues that the schema finds into faults with a place and a suggestion.
 */
import * as v from "valibot";
import { nearestTo } from "../core/nearest.js";
import type { Path } from "../core/option-error.js";
import type { Fault } from "./fault.js";
import type { KnownPaths } from "./known-paths.js";
import { CONFIG_SCHEMA, type ConfigFile } from "./schema.js";
import type { YamlText } from "./yaml-text.js";

/** The part of a file whose shape is right, and what is wrong with the rest. */
export interface Shaped {
  /** The file without the values that have a fault: the rest can be checked further, to report every fault at once. */
  readonly file: ConfigFile;
  readonly faults: readonly Fault[];
}

/**
 * Checks the shape. A value that came from `${...}` is text; where a number or a switch is expected it becomes one. A number
 * is the text that was written, where a text is expected: `1.10` as the name of a member.
 */
export function checkShape(yaml: YamlText, keys: KnownPaths): Shaped {
  let value = yaml.value;
  let leaves = issuesIn(value, keys);
  const typed = retyped(value, leaves, yaml);
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

function issuesIn(value: unknown, keys: KnownPaths): readonly Leaf[] {
  const parsed = v.safeParse(CONFIG_SCHEMA, value);
  if (parsed.success) return [];
  return parsed.issues.flatMap((issue) => {
    const path = pathOf(issue);
    return isUnknownKey(issue) ? unknownKeys(issue, path, keys) : [{ issue, path }];
  });
}

/** The schema finds one unknown key of a table. All are faults, and all are removed in one round. */
function unknownKeys(issue: v.BaseIssue<unknown>, path: Path, keys: KnownPaths): readonly Leaf[] {
  const table = path.slice(0, -1);
  const known = new Set(keys.keysAt(table));
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

function faultOf({ issue, path }: Leaf, yaml: YamlText, keys: KnownPaths): Fault {
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

function unknownKey(path: Path, keys: KnownPaths): string {
  const known = keys.keysAt(path.slice(0, -1));
  const nearest = nearestTo(String(path.at(-1)), known);
  const hint = nearest === undefined ? `known: ${known.join(", ")}` : `did you mean ${nearest}?`;
  return `unknown key; ${hint}`;
}

/** A copy of the value in which values have the type that the schema requires, where the text of the file allows it. */
function retyped(value: unknown, leaves: readonly Leaf[], yaml: YamlText): unknown {
  const changes = leaves.flatMap(({ issue, path }): readonly Change[] => {
    const place = yaml.find(path);
    if (issue.type === "string" && place?.written !== undefined && isWritten(valueAt(value, path), path))
      return [{ path, to: place.written }];
    if (!["number", "boolean"].includes(issue.type) || place?.isSubstituted !== true) return [];
    return [{ path, to: typeOf(valueAt(value, path)) }];
  });
  if (changes.length === 0) return undefined;
  const copy: unknown = structuredClone(value);
  for (const { path, to } of changes) Object(valueAt(copy, path.slice(0, -1)))[path.at(-1) ?? ""] = to;
  return copy;
}

interface Change {
  readonly path: Path;
  readonly to: unknown;
}

/** A key without a value is null, but an item of a list is a name: `null`. */
function isWritten(value: unknown, path: Path): boolean {
  return value !== null || typeof path.at(-1) === "number";
}

/** The number or the boolean that a text means; the text itself if it means none. */
function typeOf(text: unknown): unknown {
  if (text === "true" || text === "false") return text === "true";
  return typeof text === "string" && /^-?\d+(?:\.\d+)?$/.test(text) ? Number(text) : text;
}
