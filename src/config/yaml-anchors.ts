/**
 * The anchors of a YAML file, and what its aliases stand for.
 *
 *     a: &x 1      the anchor x
 *     b: *x        stands for the newest anchor x before it
 */
import { type Alias, isMap, isScalar, isSeq, type Node } from "yaml";
import { MAX_DEPTH } from "./yaml-errors.js";

export class Anchors {
  /** The newest value of each anchor. */
  readonly #newest = new Map<string, Node>();
  /** What an alias stands for. Inside an anchored value that is read again, its anchor may have another value by now. */
  readonly #targets = new Map<Alias, Node>();

  /** Remembers the anchor of a value. */
  add(node: unknown): void {
    if ((isMap(node) || isSeq(node) || isScalar(node)) && node.anchor !== undefined)
      this.#newest.set(node.anchor, node);
  }

  /** Remembers the anchors in a value that is not read. */
  addAll(node: unknown, depth = 0): void {
    if (depth > MAX_DEPTH) return;
    this.add(node);
    if (isSeq(node)) for (const item of node.items) this.addAll(item, depth + 1);
    if (!isMap(node)) return;
    for (const { key, value } of node.items) {
      this.add(key);
      // an alias stands for the anchor before it
      this.addAll(value, depth + 1);
    }
  }

  /** What an alias stands for; `undefined` without such an anchor, and inside the value of that anchor. */
  resolve(alias: Alias, outer: readonly Node[]): Node | undefined {
    const node = this.#targets.get(alias) ?? this.#newest.get(alias.source);
    if (node === undefined || outer.includes(node)) return undefined;
    this.#targets.set(alias, node);
    return node;
  }
}
