/**
 * Reads YAML text as plain data, with the line and column of each value, and with `${...}` substituted.
 *
 * JSON is YAML, so a JSON file is read too. Two things that YAML can do are limited. Aliases expand to at most `MAX_VALUES`
 * values, because a "billion laughs" file of a few lines would fill the memory. A key is text.
 */
import { type Alias, isAlias, isMap, isScalar, isSeq, LineCounter, type Node, parseDocument } from "yaml";
import type { Path } from "../checks/violation.js";
import type { Fault, Position } from "./fault.js";
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

/** Names that have a meaning of their own in JavaScript's objects. */
const IMPOSSIBLE_KEYS: ReadonlySet<string> = new Set(["__proto__", "constructor", "prototype"]);

interface Place {
  readonly key: Position;
  readonly value: Position;
}

/** Reads a text. Never throws. */
export function readYaml(text: string, sources: Sources): YamlText {
  const reader = new Reader(text, sources);
  const value = reader.read();
  return {
    value,
    faults: reader.faults,
    locate: (path, part = "value") => reader.locate(path)[part],
    has: (path) => reader.has(path),
    isSubstituted: (path) => reader.substituted.has(idOf(path)),
    pieces: reader.pieces,
  };
}

class Reader {
  readonly faults: Fault[] = [];
  readonly substituted = new Set<string>();
  readonly pieces = new Set<string>();
  readonly #lines = new LineCounter();
  readonly #places = new Map<string, Place>();
  readonly #text: string;
  readonly #sources: Sources;
  #values = 0;
  #resolve: (alias: Alias) => Node | undefined = () => undefined;

  constructor(text: string, sources: Sources) {
    this.#text = text;
    this.#sources = sources;
  }

  read(): unknown {
    const document = parseDocument(this.#text, {
      lineCounter: this.#lines,
      prettyErrors: false,
      version: "1.2",
      uniqueKeys: false,
    });
    for (const error of document.errors) this.#addFault(this.#positionAt(error.pos[0]), [], error.message);
    if (document.errors.length > 0) return undefined;
    this.#resolve = (alias) => alias.resolve(document) ?? undefined;
    const start = { line: 1, column: 1 };
    this.#places.set(idOf([]), { key: start, value: start });
    const { contents } = document;
    const isEmpty = contents === null || (isScalar(contents) && contents.value === null);
    return isEmpty ? {} : this.#convert(contents, [], []);
  }

  locate(path: Path): Place {
    for (let length = path.length; length > 0; length -= 1) {
      const place = this.#places.get(idOf(path.slice(0, length)));
      if (place !== undefined) return place;
    }
    return this.#places.get(idOf([])) ?? { key: { line: 1, column: 1 }, value: { line: 1, column: 1 } };
  }

  has(path: Path): boolean {
    return this.#places.has(idOf(path));
  }

  #convert(node: unknown, path: Path, aliases: readonly Node[]): unknown {
    this.#values += 1;
    if (this.#values > MAX_VALUES) {
      if (this.#values === MAX_VALUES + 1) this.#addFault(this.locate(path).value, path, "too many values");
      return undefined;
    }
    if (isAlias(node)) return this.#convertAlias(node, path, aliases);
    if (isMap(node)) return this.#convertMap(node.items, path, aliases);
    if (isSeq(node)) {
      return node.items.map((item, index) => {
        const place = this.#placeOf(item) ?? this.locate(path).value;
        this.#places.set(idOf([...path, index]), { key: place, value: place });
        return this.#convert(item, [...path, index], aliases);
      });
    }
    return isScalar(node) ? this.#substitute(node.value, path) : null;
  }

  #convertAlias(alias: Alias, path: Path, aliases: readonly Node[]): unknown {
    const node = this.#resolve(alias);
    if (node !== undefined && !aliases.includes(node)) return this.#convert(node, path, [...aliases, node]);
    this.#addFault(this.locate(path).value, path, `alias not found: *${alias.source}`);
    return undefined;
  }

  #convertMap(items: readonly { key: unknown; value: unknown }[], path: Path, aliases: readonly Node[]): unknown {
    const table: Record<string, unknown> = {};
    for (const { key, value } of items) {
      const at = this.#placeOf(key) ?? this.locate(path).value;
      if (!isScalar(key) || !["string", "number", "boolean"].includes(typeof key.value)) {
        this.#addFault(at, path, "a key must be text");
        continue;
      }
      // as written: `1.10` is not `1.1`, and `1` is `"1"`
      const name = typeof key.value === "string" ? key.value : (key.source ?? String(key.value));
      const inner = [...path, name];
      const first = this.#places.get(idOf(inner))?.key;
      if (first !== undefined) {
        this.#addFault(at, inner, `keys must be unique; the first one is at ${first.line}:${first.column}`);
        continue;
      }
      this.#places.set(idOf(inner), { key: at, value: this.#placeOf(value) ?? at });
      if (IMPOSSIBLE_KEYS.has(name)) this.#addFault(at, inner, "this name cannot be used as a key");
      else table[name] = this.#convert(value, inner, aliases);
    }
    return table;
  }

  #substitute(value: unknown, path: Path): unknown {
    if (typeof value !== "string" || !value.includes("$")) return value;
    const substituted = substitute(value, this.#sources);
    this.substituted.add(idOf(path));
    if ("text" in substituted) {
      for (const piece of substituted.pieces) this.pieces.add(piece);
      return substituted.text;
    }
    for (const text of substituted.faults) this.#addFault(this.locate(path).value, path, text);
    return value;
  }

  #addFault(place: Position, path: Path, text: string): void {
    this.faults.push({ place, path, text });
  }

  #placeOf(node: unknown): Position | undefined {
    const range = isScalar(node) || isMap(node) || isSeq(node) || isAlias(node) ? node.range : undefined;
    return range ? this.#positionAt(range[0]) : undefined;
  }

  #positionAt(offset: number): Position {
    const { line, col } = this.#lines.linePos(offset);
    return { line: Math.max(1, line), column: Math.max(1, col) };
  }
}

function idOf(path: Path): string {
  return JSON.stringify(path);
}
