/** The keys of the configuration with their meaning, from the schema: what the docs have to say. */
import type { Setting } from "../../src/checks/settings.js";
import { jsonSchema } from "../../src/cli/schema.js";
import { TLS_KEYS, TOP_KEYS } from "../../src/config/keys.js";

interface Node {
  readonly $ref?: string;
  readonly description?: string;
  readonly properties?: Readonly<Record<string, Node>>;
  readonly additionalProperties?: Node | boolean;
  readonly items?: Node;
  readonly anyOf?: readonly Node[];
}

const RESTART_KEYS: ReadonlySet<string> = new Set([
  ...keysWithRestart(TOP_KEYS, ""),
  ...keysWithRestart(TLS_KEYS, "tls."),
]);

function keysWithRestart(rows: Readonly<Record<string, Setting>>, prefix: string): readonly string[] {
  return Object.entries(rows).flatMap(([key, { restart }]) => (restart ? [`${prefix}${key}`] : []));
}

/** Keys that a reload applies, in tables of which it applies nothing else. */
const APPLIED: ReadonlySet<string> = new Set(["discovery.tokenFile", "fleet.copies", "fleet.agree"]);

/** Whether a reload applies a change of a key. A table applies what its keys apply. */
export function appliedOf(path: string): "at once" | "after a restart" {
  const isRestart =
    RESTART_KEYS.has(path) || path === "tls" || /^(?:listen\[\]|discovery|haproxyAgent|fleet)/.test(path);
  return isRestart && !APPLIED.has(path) ? "after a restart" : "at once";
}

/** The schema says it in the description of a key; the table of the docs has a column for it. */
const RESTART_SENTENCE = " A change needs a restart.";

/** One row for each key: its path and its meaning, without the restart. */
export function configKeys(): readonly (readonly [path: string, meaning: string])[] {
  // the JSON Schema that our own schema makes has this shape
  const root = jsonSchema() as Node & { $defs?: Readonly<Record<string, Node>> };
  const resolve = (node: Node): Node => {
    const name = node.$ref?.split("/").at(-1);
    return name === undefined ? node : resolve(root.$defs?.[name] ?? {});
  };
  const branches = (node: Node): readonly Node[] => {
    const found = resolve(node);
    return found.anyOf === undefined ? [found] : found.anyOf.flatMap(branches);
  };
  const rows: (readonly [string, string])[] = [];
  const walk = (node: Node, path: string): void => {
    for (const branch of branches(node)) {
      for (const [key, value] of Object.entries(branch.properties ?? {})) {
        const full = path === "" ? key : `${path}.${key}`;
        const meaning = value.description ?? resolve(value).description ?? branches(value)[0]?.description ?? "";
        if (!rows.some(([known]) => known === full)) rows.push([full, meaning.replace(RESTART_SENTENCE, "")]);
        walk(value, full);
      }
      if (branch.items !== undefined) walk(branch.items, `${path}[]`);
      if (typeof branch.additionalProperties === "object") walk(branch.additionalProperties, `${path}.NAME`);
    }
  };
  walk(root, "");
  return rows;
}
