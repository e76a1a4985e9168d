/**
 * The shape of a configuration: the schema's findings made into faults that a person can act on.
 */
import * as v from "valibot";
import { nearestTo } from "../core/nearest.js";
import type { Fault, Path } from "./fault.js";
import { CONFIG_SCHEMA, type ConfigFile } from "./schema.js";
import type { YamlText } from "./yaml-text.js";

/** What is good of a file, and what is not. */
export interface Shaped {
  /** The file without what has a fault: so that the rest can be judged further, and all faults be told at once. */
  readonly file: ConfigFile;
  readonly faults: readonly Fault[];
}

/** Judges the shape. A value that came from `${...}` is text; where a number or a switch belongs it is taken as one. */
export function judgeShape(yaml: YamlText): Shaped {
  let value = yaml.value;
  let leaves = findingsIn(value);
  const typed = typeSubstituted(value, leaves, yaml);
  if (typed !== undefined) [value, leaves] = [typed, findingsIn(typed)];
  const faults = leaves.map((leaf) => faultOf(leaf, yaml));
  // each round takes something away, so there is an end: an empty file is good
  for (; leaves.length > 0; leaves = findingsIn(value))
    value = without(
      value,
      leaves.map(({ path }) => path),
    );
  return { file: v.parse(CONFIG_SCHEMA, value), faults };
}

function findingsIn(value: unknown): readonly Leaf[] {
  const parsed = v.safeParse(CONFIG_SCHEMA, value);
  return parsed.success ? [] : parsed.issues.map((issue) => ({ issue, path: pathOf(issue) }));
}

/** A copy without what stands at the paths. */
function without(value: unknown, paths: readonly Path[]): unknown {
  const ends = paths.map((path) => removable(value, path));
  if (ends.some(({ length }) => length === 0)) return {};
  const copy: unknown = structuredClone(value);
  for (const end of ends) delete Object(valueAt(copy, end.slice(0, -1)))[end.at(-1) ?? ""];
  return copy;
}

/** What can be taken away to be rid of a path: of a list the whole, and of what isn't there the table around it. */
function removable(value: unknown, path: Path): Path {
  const firstIndex = path.findIndex((step) => typeof step === "number");
  const end = firstIndex === -1 ? path : path.slice(0, firstIndex);
  const isThere = end.length === 0 || Object.hasOwn(Object(valueAt(value, end.slice(0, -1))), end.at(-1) ?? "");
  return isThere ? end : removable(value, end.slice(0, -1));
}

function valueAt(root: unknown, path: Path): unknown {
  return path.reduce<unknown>((value, step) => Object(value)[step], root);
}

/** A finding at its place. */
interface Leaf {
  readonly issue: v.BaseIssue<unknown>;
  readonly path: Path;
}

function pathOf(issue: v.BaseIssue<unknown>): Path {
  return (issue.path ?? []).map(({ key }) => (typeof key === "number" ? key : String(key)));
}

function faultOf({ issue, path }: Leaf, yaml: YamlText): Fault {
  const isUnknownKey = issue.type === "strict_object" && issue.expected === "never";
  const text = isUnknownKey ? unknownKey(path) : messageOf(issue);
  return { position: yaml.locate(path, isUnknownKey ? "key" : "value"), path, text };
}

function messageOf(issue: v.BaseIssue<unknown>): string {
  return issue.type === "strict_object" && issue.received === "undefined" ? "is missing" : issue.message;
}

function unknownKey(path: Path): string {
  const key = String(path.at(-1));
  const known = keysAt(path.slice(0, -1));
  const nearest = nearestTo(key, known);
  const hint = nearest === undefined ? `known: ${known.join(", ")}` : `did you mean ${nearest}?`;
  return `unknown key; ${hint}`;
}

/** The keys that a table may have at a place. */
export function keysAt(path: Path): readonly string[] {
  const found = path.reduce<readonly v.GenericSchema[]>(
    (schemas, step) => schemas.flatMap((schema) => inside(schema, step)),
    [CONFIG_SCHEMA],
  );
  return [...new Set(found.flatMap(branchesOf).flatMap((schema) => Object.keys(entriesOf(schema))))];
}

function inside(schema: v.GenericSchema, step: string | number): readonly v.GenericSchema[] {
  return branchesOf(schema).flatMap((branch) => {
    const entry = entriesOf(branch)[step];
    if (entry !== undefined) return [entry];
    // valibot's generic type says nothing of what a kind of schema holds
    const { value, item } = branch as { value?: v.GenericSchema; item?: v.GenericSchema };
    return [value, item].filter((inner) => inner !== undefined);
  });
}

function branchesOf(schema: v.GenericSchema): readonly v.GenericSchema[] {
  // valibot's generic type says nothing of what a kind of schema holds
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

/** A copy of the value in which texts from `${...}` are numbers and switches where the schema wants them. */
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
