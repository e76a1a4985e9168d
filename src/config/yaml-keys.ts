/** The keys of a YAML table: a name is the text as it is written, `1.10` or `True`. */
import { isAlias, isMap, isScalar, isSeq } from "yaml";
import { LONG_KEY, MAX_KEY_CHARACTERS, tagFault } from "./yaml-errors.js";

/** Names that have a meaning of their own in JavaScript's objects. */
export const IMPOSSIBLE_KEYS: ReadonlySet<string> = new Set(["__proto__", "constructor", "prototype"]);

/** The key whose tables are merged. */
export const MERGE_KEY = "<<";

/** Whether a key is the merge key. In quotes it is a name. */
export function isMergeKey(key: unknown): boolean {
  return isScalar(key) && key.source === MERGE_KEY && key.type === "PLAIN";
}

/** The name that a key is, or what is wrong with it. */
export function readKey(key: unknown): { readonly name: string } | { readonly fault: string } {
  const fault = tagFault(isScalar(key) ? key.tag : undefined);
  if (fault !== undefined) return { fault };
  const name = !isScalar(key) ? undefined : typeof key.value === "string" ? key.value : key.source;
  const isMissing = name === undefined || (name === "" && isScalar(key) && key.value === null);
  if (isMissing) return { fault: "a key must be text" };
  return name.length > MAX_KEY_CHARACTERS ? { fault: `${LONG_KEY}; this one has ${name.length}` } : { name };
}

/** Where a node begins in the text. */
export function offsetOf(node: unknown): number | undefined {
  const range = isScalar(node) || isMap(node) || isSeq(node) || isAlias(node) ? node.range : undefined;
  return range?.[0];
}
