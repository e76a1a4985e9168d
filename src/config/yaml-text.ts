/**
 * Reads YAML text as plain data, with the line and column of each value, and with `${...}` substituted.
 *
 * JSON is YAML, so a JSON file is read too. The time and the memory for a text are linear in its length. So what YAML can do
 * is limited:
 *
 *     aliases    they expand to at most MAX_VALUES values, those that `<<` merges among them: a "billion laughs" file of a
 *                few lines would fill the memory
 *     nesting    at most MAX_DEPTH levels
 *     keys       are text of at most MAX_KEY_CHARACTERS, and unique
 *     ${...}     all together insert at most MAX_SUBSTITUTED characters
 *
 * A name is the text as it is written: `1.10`, `True`. A table takes the keys that it does not have from those that `<<`
 * names. Keys that begin with `x-` are not read where a table has a fixed set of keys; they are there for anchors.
 */
import { type Alias, isAlias, isMap, isScalar, isSeq, LineCounter, type Node, parseDocument, type YAMLMap } from "yaml";
import type { Path } from "../core/option-error.js";
import type { Fault, Position } from "./fault.js";
import { Place } from "./places.js";
import { type Sources, substitute } from "./substitution.js";
import { referencesIn } from "./url-template.js";
import { Anchors } from "./yaml-anchors.js";
import { MAX_DEPTH, requireShallow, syntaxFault, TOO_DEEP, tagFault } from "./yaml-errors.js";
import { IMPOSSIBLE_KEYS, isMergeKey, MERGE_KEY, offsetOf, readKey } from "./yaml-keys.js";

/** The content of a text. */
export interface YamlText {
  /** `undefined` if the text is not YAML; with other faults, the part without faults. */
  readonly value: unknown;
  readonly faults: readonly Fault[];
  /** The position of a value, or of the nearest value around it; of the key before it, if `part` is `key`. */
  readonly locate: (path: Path, part?: "key" | "value") => Position;
  /** The place of a value; `undefined` if the text has none there. */
  readonly find: (path: Path) => Place | undefined;
  /** The same, or the place of the nearest value around it. */
  readonly nearest: (path: Path) => Place;
  /** Every text that `${...}` was replaced with; each may be a secret. */
  readonly pieces: ReadonlySet<string>;
}

/** What the meaning of a path tells about the value there. */
export interface PathRules {
  /** Whether the value is a URL: `${...}` in its user info is percent-encoded. */
  readonly isUrl: (path: Path) => boolean;
  /** Whether the table has a fixed set of keys: other keys that begin with `x-` are not read. */
  readonly hasFixedKeys: (path: Path) => boolean;
}

const MAX_VALUES = 100_000;
const MAX_SUBSTITUTED = 4_194_304;

const NO_TABLE = "<< takes keys from tables: write <<: *NAME or <<: [*NAME, *OTHER]";

/** Reads a text. Never throws. */
export function readYaml(text: string, sources: Sources, rules: PathRules): YamlText {
  const reader = new Reader(text, sources, rules);
  const value = reader.read();
  return {
    value,
    faults: reader.faults,
    locate: (path, part = "value") => reader.positionAt(reader.places.nearest(path)[part]),
    find: (path) => reader.places.find(path),
    nearest: (path) => reader.places.nearest(path),
    pieces: reader.pieces,
  };
}

/** Where a value is: its path, its place, and the anchored values that aliases have led to it through. */
interface At {
  readonly path: Path;
  readonly place: Place;
  readonly aliases: readonly Node[];
}

/** A key of a table with its value. */
interface Pair {
  readonly key: unknown;
  readonly value: unknown;
}

/** A table whose keys another one takes. */
interface MergedTable {
  readonly table: YAMLMap;
  readonly aliases: readonly Node[];
}

class Reader {
  readonly faults: Fault[] = [];
  readonly pieces = new Set<string>();
  readonly places = new Place(0, 0);
  readonly #lines = new LineCounter();
  readonly #text: string;
  readonly #sources: Sources;
  readonly #rules: PathRules;
  #values = 0;
  #substituted = 0;
  readonly #anchors = new Anchors();

  constructor(text: string, sources: Sources, rules: PathRules) {
    this.#text = text;
    this.#sources = sources;
    this.#rules = rules;
  }

  read(): unknown {
    try {
      requireShallow(this.#text);
      return this.#read();
    } catch (error) {
      // the parser is recursive: one call for each level of nesting
      if (!(error instanceof RangeError)) throw error;
      this.#addFault(0, [], TOO_DEEP);
      return undefined;
    }
  }

  positionAt(offset: number): Position {
    const { line, col } = this.#lines.linePos(offset);
    return { line: Math.max(1, line), column: Math.max(1, col) };
  }

  #read(): unknown {
    // a carriage return alone ends a line too (YAML 1.2, section 5.4)
    const text = this.#text.replace(/\r(?!\n)/g, "\n");
    const { errors, contents } = parseDocument(text, {
      lineCounter: this.#lines,
      prettyErrors: false,
      // also for a text that begins with %YAML 1.1, where `yes` would be true
      schema: "core",
      resolveKnownTags: false,
      // the parser would compare each key with all keys before it; here, a table finds the second of two equal keys
      uniqueKeys: false,
    });
    const lines = new Set<number>();
    for (const { pos, code, message } of errors) {
      // the first error of a line is the cause of the others
      const { line } = this.positionAt(pos[0]);
      if (!lines.has(line)) this.#addFault(pos[0], [], syntaxFault(code, message));
      lines.add(line);
    }
    if (errors.length > 0) return undefined;
    const isEmpty = contents === null || (isScalar(contents) && contents.value === null);
    const value = isEmpty ? {} : this.#convert(contents, { path: [], place: this.places, aliases: [] });
    return this.#values > MAX_VALUES ? undefined : value;
  }

  #convert(node: unknown, at: At): unknown {
    const { path, place, aliases } = at;
    if (!this.#count(place.value, path)) return undefined;
    if (path.length > MAX_DEPTH) {
      this.#addFault(place.value, path, TOO_DEEP);
      return undefined;
    }
    if (isAlias(node)) return this.#convertAlias(node, at);
    if (aliases.length === 0) this.#anchors.add(node);
    if (isMap(node) || isSeq(node) || isScalar(node)) this.#checkTag(node.tag, at);
    if (isMap(node)) return this.#convertMap(node.items, at);
    if (isSeq(node)) {
      return node.items.map((item, index) => {
        const offset = offsetOf(item) ?? place.value;
        const inner = place.add(index, new Place(offset, offset));
        return this.#convert(item, { path: [...path, index], place: inner, aliases });
      });
    }
    if (!isScalar(node)) return null;
    if (typeof node.value !== "string" && node.source !== undefined && node.source !== "") place.written = node.source;
    return this.#substitute(node.value, at);
  }

  /** Counts a value. Returns whether it may be read. */
  #count(offset: number, path: Path): boolean {
    this.#values += 1;
    if (this.#values === MAX_VALUES + 1) this.#addFault(offset, path, `too many values; the limit is ${MAX_VALUES}`);
    return this.#values <= MAX_VALUES;
  }

  #checkTag(tag: string | undefined, { path, place }: At): void {
    const fault = tagFault(tag);
    if (fault !== undefined) this.#addFault(place.value, path, fault);
  }

  #convertAlias(alias: Alias, at: At): unknown {
    const node = this.#resolve(alias, at);
    return node && this.#convert(node, { ...at, aliases: [...at.aliases, node] });
  }

  #resolve(alias: Alias, at: At): Node | undefined {
    const node = this.#anchors.resolve(alias, at.aliases);
    if (node === undefined)
      this.#addFault(offsetOf(alias) ?? at.place.value, at.path, `alias not found: *${alias.source}`);
    return node;
  }

  #convertMap(items: readonly Pair[], at: At): unknown {
    const { path, place, aliases } = at;
    const table: Record<string, unknown> = {};
    const merged: MergedTable[] = [];
    for (const { key, value } of items) {
      if (isMergeKey(key) && place.find([MERGE_KEY]) === undefined) {
        const offset = offsetOf(key) ?? place.value;
        const mergePlace = place.add(MERGE_KEY, new Place(offset, offsetOf(value) ?? offset));
        merged.push(...this.#tablesOf(value, { path: [...path, MERGE_KEY], place: mergePlace, aliases }));
        continue;
      }
      const name = this.#readKey(key, at);
      if (name === undefined) continue;
      if (aliases.length === 0) this.#anchors.add(key);
      const first = place.find([name]);
      if (first !== undefined) {
        const { line, column } = this.positionAt(first.key);
        const text = `keys must be unique; the first one is at ${line}:${column}`;
        this.#addFault(offsetOf(key) ?? place.value, [...path, name], text);
      } else if (name.startsWith("x-") && this.#rules.hasFixedKeys(path)) {
        place.add(name, new Place(offsetOf(key) ?? place.value, offsetOf(value) ?? place.value));
        if (aliases.length === 0) this.#anchors.addAll(value);
      } else this.#setKey(table, name, { key, value }, at);
    }
    for (const source of merged) this.#merge(table, source, at);
    return table;
  }

  /** Adds the keys of a table that are not there yet, and then those that it merges itself. */
  #merge(table: Record<string, unknown>, source: MergedTable, at: At): void {
    const { path, place } = at;
    const inside = { ...at, aliases: source.aliases };
    const further: MergedTable[] = [];
    for (const pair of source.table.items) {
      if (this.#values > MAX_VALUES) return;
      const { key, value } = pair;
      if (isMergeKey(key)) further.push(...this.#tablesOf(value, { ...inside, path: [...path, MERGE_KEY] }));
      else {
        const name = this.#readKey(key, inside);
        const isNew = name !== undefined && place.find([name]) === undefined;
        const isRead = isNew && !(name.startsWith("x-") && this.#rules.hasFixedKeys(path));
        if (isRead) this.#setKey(table, name, pair, inside);
        else this.#count(place.value, path);
      }
    }
    for (const next of further) this.#merge(table, next, at);
  }

  /** The tables that a merge key names: one, or a list. */
  #tablesOf(node: unknown, at: At): readonly MergedTable[] {
    const { path, place, aliases } = at;
    if (!this.#count(place.value, path)) return [];
    if (isAlias(node)) {
      const target = this.#resolve(node, at);
      return target === undefined ? [] : this.#tablesOf(target, { ...at, aliases: [...aliases, target] });
    }
    if (isMap(node)) {
      if (aliases.length === 0) this.#anchors.addAll(node);
      return [{ table: node, aliases }];
    }
    if (isSeq(node) && path.at(-1) === MERGE_KEY)
      return node.items.flatMap((item, index) => this.#tablesOf(item, { ...at, path: [...path, index] }));
    this.#addFault(offsetOf(node) ?? place.value, path, NO_TABLE);
    return [];
  }

  #setKey(table: Record<string, unknown>, name: string, { key, value }: Pair, { path, place, aliases }: At): void {
    const offset = offsetOf(key) ?? place.value;
    const inner = {
      path: [...path, name],
      place: place.add(name, new Place(offset, offsetOf(value) ?? offset)),
      aliases,
    };
    if (IMPOSSIBLE_KEYS.has(name)) this.#addFault(offset, inner.path, "this name cannot be used as a key");
    else table[name] = this.#convert(value, inner);
  }

  #readKey(key: unknown, at: At): string | undefined {
    const { path, place } = at;
    const read = readKey(isAlias(key) ? this.#resolve(key, at) : key);
    if ("name" in read) return read.name;
    this.#addFault(offsetOf(key) ?? place.value, path, read.fault);
    return undefined;
  }

  #substitute(value: unknown, { path, place }: At): unknown {
    if (typeof value !== "string" || !value.includes("$")) return value;
    place.references = referencesIn(value);
    const rules = { maxCharacters: MAX_SUBSTITUTED - this.#substituted, isUrl: this.#rules.isUrl(path) };
    const substituted = substitute(value, this.#sources, rules);
    if ("text" in substituted) {
      place.isUnknown = substituted.isUnknown;
      for (const piece of substituted.pieces) {
        this.pieces.add(piece);
        this.#substituted += piece.length;
      }
      return substituted.text;
    }
    const { faults, isMissing } = substituted;
    for (const text of faults) this.faults.push({ place: this.positionAt(place.value), path, text, isMissing });
    return value;
  }

  #addFault(offset: number, path: Path, text: string): void {
    this.faults.push({ place: this.positionAt(offset), path, text });
  }
}
