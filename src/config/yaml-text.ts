/**
 * YAML text made into plain data that remembers where each value stood, with `${...}` put in.
 *
 * JSON is YAML, so a JSON file is read as well. What YAML alone can do is bounded: aliases may not unfold to more than
 * `MAX_VALUES` values (a "billion laughs" file of a few lines would else fill the memory), and a key is text.
 */
import { type Alias, isAlias, isMap, isScalar, isSeq, LineCounter, type Node, parseDocument } from "yaml";
import type { Fault, Path, Position } from "./fault.js";
import { type Sources, substitute } from "./substitution.js";

/** What was read. */
export interface YamlText {
  /** `undefined` for what is no YAML; with other faults, what is good of it. */
  readonly value: unknown;
  readonly faults: readonly Fault[];
  /** Where a value stands, or the nearest thing around it; `key` asks for the key before it. */
  readonly locate: (path: Path, part?: "key" | "value") => Position;
  /** Whether something was put in for `${...}` at this place. */
  readonly isSubstituted: (path: Path) => boolean;
  /** Whatever was put in, anywhere: each may be a secret. */
  readonly pieces: ReadonlySet<string>;
}

const MAX_VALUES = 100_000;

/** Names that JavaScript's objects have by themselves. */
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
    const document = parseDocument(this.#text, { lineCounter: this.#lines, prettyErrors: false, version: "1.2" });
    for (const error of document.errors) this.#blame(this.#positionAt(error.pos[0]), [], error.message);
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

  #convert(node: unknown, path: Path, aliases: readonly Node[]): unknown {
    this.#values += 1;
    if (this.#values > MAX_VALUES) {
      if (this.#values === MAX_VALUES + 1) this.#blame(this.locate(path).value, path, "too many values");
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
    this.#blame(this.locate(path).value, path, `the alias *${alias.source} leads nowhere`);
    return undefined;
  }

  #convertMap(items: readonly { key: unknown; value: unknown }[], path: Path, aliases: readonly Node[]): unknown {
    const table: Record<string, unknown> = {};
    for (const { key, value } of items) {
      const at = this.#placeOf(key) ?? this.locate(path).value;
      if (!isScalar(key) || !["string", "number", "boolean"].includes(typeof key.value)) {
        this.#blame(at, path, "a key must be text");
        continue;
      }
      const name = String(key.value);
      const inner = [...path, name];
      this.#places.set(idOf(inner), { key: at, value: this.#placeOf(value) ?? at });
      if (IMPOSSIBLE_KEYS.has(name)) this.#blame(at, inner, "this name cannot be used in a file");
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
    for (const text of substituted.faults) this.#blame(this.locate(path).value, path, text);
    return value;
  }

  #blame(position: Position, path: Path, text: string): void {
    this.faults.push({ position, path, text });
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
