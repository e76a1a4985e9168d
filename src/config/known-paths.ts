/**
 * What the schema says about the value at a path: which keys a table may have, and whether the value is a URL.
 */
import type * as v from "valibot";
import type { Path } from "../core/option-error.js";
import { CONFIG_SCHEMA } from "./schema.js";
import { isUrlSchema } from "./schema-parts.js";
import type { PathRules } from "./yaml-text.js";

/** All checks have the same keys, and so have all webhooks: what is known about a path is collected once, for any name in it. */
export class KnownPaths implements PathRules {
  readonly #known = new Map<string, KnownPath>();

  /** The keys of the table at a path; none for a table of names. */
  readonly keysAt = (path: Path): readonly string[] => this.#at(path).keys;

  readonly isUrl = (path: Path): boolean => this.#at(path).isUrl;

  readonly hasFixedKeys = (path: Path): boolean => this.#at(path).keys.length > 0;

  #at(path: Path): KnownPath {
    const [top, second, ...rest] = path;
    const isName = second !== undefined && !this.hasFixedKeys(path.slice(0, 1));
    const kind = (isName ? [top, "*", ...rest] : path).join("\0");
    const known = this.#known.get(kind) ?? knownAt(path);
    this.#known.set(kind, known);
    return known;
  }
}

interface KnownPath {
  readonly keys: readonly string[];
  readonly isUrl: boolean;
}

function knownAt(path: Path): KnownPath {
  const schemas = path.reduce<readonly v.GenericSchema[]>(
    (outer, step) => outer.flatMap((schema) => inside(schema, step)),
    [CONFIG_SCHEMA],
  );
  const branches = schemas.flatMap(branchesOf);
  const keys = new Set(branches.flatMap((schema) => Object.keys(entriesOf(schema))));
  return { keys: [...keys], isUrl: branches.some(isUrlSchema) };
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
    /** Of a choice of words, the words. */
    options?: readonly (v.GenericSchema | string)[];
    getter?: (input: unknown) => v.GenericSchema;
  };
  const inner = wrapped ?? getter?.(undefined);
  if (inner !== undefined) return branchesOf(inner);
  return options === undefined
    ? [schema]
    : options.flatMap((option) => (typeof option === "string" ? [] : branchesOf(option)));
}

function entriesOf(schema: v.GenericSchema): Readonly<Record<string, v.GenericSchema>> {
  return (schema as { entries?: Record<string, v.GenericSchema> }).entries ?? {};
}
