/**
 * Reads YAML text as plain data, with the line and column of each value, and with `${...}` substituted.
 *
 * JSON is YAML, so a JSON file is read too. The time and the memory for a text are linear in its length. So what YAML can do
 * is limited:
 *
 *     aliases    they expand to at most MAX_VALUES values: a "billion laughs" file of a few lines would fill the memory
 *     nesting    at most MAX_DEPTH levels
 *     keys       are text of at most MAX_KEY_CHARACTERS, and unique
 *     ${...}     all together insert at most MAX_SUBSTITUTED characters
 */
import { type Alias, isAlias, isMap, isScalar, isSeq, LineCounter, type Node, parseDocument } from "yaml";
import type { Path } from "../checks/violation.js";
import type { Fault, Position } from "./fault.js";
import { Place } from "./places.js";
import { type Sources, substitute } from "./substitution.js";

/** The content of a text. */
export interface YamlText {
  /** `undefined` if the text is not YAML; with other faults, the part without faults. */
  readonly value: unknown;
  readonly faults: readonly Fault[];
  /** The position of a value, or of the nearest value around it; of the key before it, if `part` is `key`. */
  readonly locate: (path: Path, part?: "key" | "value") => Position;
  /** Whether the text has a value there. */
  readonly has: (path: Path) => boolean;
  /** Whether the value there contained `${...}`. */
  readonly isSubstituted: (path: Path) => boolean;
  /** Every text that `${...}` was replaced with; each may be a secret. */
  readonly pieces: ReadonlySet<string>;
}

const MAX_VALUES = 100_000;
const MAX_DEPTH = 100;
const MAX_KEY_CHARACTERS = 1_000;
const MAX_SUBSTITUTED = 4_194_304;

const TOO_DEEP = `values are nested too deeply; the limit is ${MAX_DEPTH} levels`;

/** The parser reports its own stack overflow as an error of the text. */
function isTooDeep(message: string): boolean {
  return message.includes("call stack");
}

/** Names that have a meaning of their own in JavaScript's objects. */
const IMPOSSIBLE_KEYS: ReadonlySet<string> = new Set(["__proto__", "constructor", "prototype"]);

/** Reads a text. Never throws. */
export function readYaml(text: string, sources: Sources): YamlText {
  const reader = new Reader(text, sources);
  const value = reader.read();
  return {
    value,
    faults: reader.faults,
    locate: (path, part = "value") => reader.positionAt(reader.places.nearest(path)[part]),
    has: (path) => reader.places.find(path) !== undefined,
    isSubstituted: (path) => reader.places.find(path)?.isSubstituted === true,
    pieces: reader.pieces,
  };
}

/** Where a value is: its path, its place, and the anchored values that aliases have led to it through. */
interface At {
  readonly path: Path;
  readonly place: Place;
  readonly aliases: readonly Node[];
}

class Reader {
  readonly faults: Fault[] = [];
  readonly pieces = new Set<string>();
  readonly places = new Place(0, 0);
  readonly #lines = new LineCounter();
  readonly #text: string;
  readonly #sources: Sources;
  #values = 0;
  #substituted = 0;
  /** The newest value of each anchor. */
  readonly #anchors = new Map<string, Node>();
  /** What an alias stands for. Inside an anchored value that is read again, its anchor may have another value by now. */
  readonly #targets = new Map<Alias, Node>();

  constructor(text: string, sources: Sources) {
    this.#text = text;
    this.#sources = sources;
  }

  read(): unknown {
    try {
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
    // `uniqueKeys` compares each key with all keys before it; here, a table finds the second of two equal keys
    const options = { lineCounter: this.#lines, prettyErrors: false, version: "1.2", uniqueKeys: false } as const;
    const { errors, contents } = parseDocument(this.#text, options);
    for (const { pos, message } of errors) this.#addFault(pos[0], [], isTooDeep(message) ? TOO_DEEP : message);
    if (errors.length > 0) return undefined;
    const isEmpty = contents === null || (isScalar(contents) && contents.value === null);
    const value = isEmpty ? {} : this.#convert(contents, { path: [], place: this.places, aliases: [] });
    return this.#values > MAX_VALUES ? undefined : value;
  }

  #convert(node: unknown, at: At): unknown {
    const { path, place, aliases } = at;
    this.#values += 1;
    if (this.#values > MAX_VALUES || path.length > MAX_DEPTH) {
      const isFirst = this.#values === MAX_VALUES + 1;
      if (isFirst) this.#addFault(place.value, path, `too many values; the limit is ${MAX_VALUES}`);
      else if (this.#values <= MAX_VALUES) this.#addFault(place.value, path, TOO_DEEP);
      return undefined;
    }
    if (isAlias(node)) return this.#convertAlias(node, at);
    if (aliases.length === 0) this.#rememberAnchor(node);
    if (isMap(node)) return this.#convertMap(node.items, at);
    if (isSeq(node)) {
      return node.items.map((item, index) => {
        const offset = offsetOf(item) ?? place.value;
        const inner = place.add(index, new Place(offset, offset));
        return this.#convert(item, { path: [...path, index], place: inner, aliases });
      });
    }
    return isScalar(node) ? this.#substitute(node.value, at) : null;
  }

  #rememberAnchor(node: unknown): void {
    if ((isMap(node) || isSeq(node) || isScalar(node)) && node.anchor !== undefined)
      this.#anchors.set(node.anchor, node);
  }

  #convertAlias(alias: Alias, at: At): unknown {
    const node = this.#targets.get(alias) ?? this.#anchors.get(alias.source);
    if (node !== undefined && !at.aliases.includes(node)) {
      this.#targets.set(alias, node);
      return this.#convert(node, { ...at, aliases: [...at.aliases, node] });
    }
    this.#addFault(at.place.value, at.path, `alias not found: *${alias.source}`);
    return undefined;
  }

  #convertMap(items: readonly { key: unknown; value: unknown }[], { path, place, aliases }: At): unknown {
    const table: Record<string, unknown> = {};
    for (const { key, value } of items) {
      const offset = offsetOf(key) ?? place.value;
      const name = nameOf(key);
      if (typeof name !== "string") {
        this.#addFault(offset, path, name.fault);
        continue;
      }
      if (aliases.length === 0) this.#rememberAnchor(key);
      const inner = [...path, name];
      const first = place.find([name]);
      if (first !== undefined) {
        const { line, column } = this.positionAt(first.key);
        this.#addFault(offset, inner, `keys must be unique; the first one is at ${line}:${column}`);
        continue;
      }
      const innerPlace = place.add(name, new Place(offset, offsetOf(value) ?? offset));
      if (IMPOSSIBLE_KEYS.has(name)) this.#addFault(offset, inner, "this name cannot be used as a key");
      else table[name] = this.#convert(value, { path: inner, place: innerPlace, aliases });
    }
    return table;
  }

  #substitute(value: unknown, { path, place }: At): unknown {
    if (typeof value !== "string" || !value.includes("$")) return value;
    place.isSubstituted = true;
    const substituted = substitute(value, this.#sources, MAX_SUBSTITUTED - this.#substituted);
    if ("text" in substituted) {
      for (const piece of substituted.pieces) {
        this.pieces.add(piece);
        this.#substituted += piece.length;
      }
      return substituted.text;
    }
    for (const text of substituted.faults) this.#addFault(place.value, path, text);
    return value;
  }

  #addFault(offset: number, path: Path, text: string): void {
    this.faults.push({ place: this.positionAt(offset), path, text });
  }
}

/** The text of a key, or what is wrong with it. */
function nameOf(key: unknown): string | { readonly fault: string } {
  if (!isScalar(key) || !["string", "number", "boolean"].includes(typeof key.value))
    return { fault: "a key must be text" };
  // as written: `1.10` is not `1.1`, and `1` is `"1"`
  const name = typeof key.value === "string" ? key.value : (key.source ?? String(key.value));
  return name.length <= MAX_KEY_CHARACTERS
    ? name
    : { fault: `a key must have at most ${MAX_KEY_CHARACTERS} characters; this one has ${name.length}` };
}

function offsetOf(node: unknown): number | undefined {
  const range = isScalar(node) || isMap(node) || isSeq(node) || isAlias(node) ? node.range : undefined;
  return range?.[0];
}
