/**
 * The oldest of many votes, without looking at each of them.
 *
 *     by staleAfter:  30 s --> [ oldest . . . newest ]      a vote that is cast again goes to the end
 *                     2 min --> [ oldest . . newest ]
 *                     few others, whose results are older than the votes before them: looked at one by one
 */
interface VoteGroup<Item> {
  readonly staleAfterMs: number;
  /** With the time until which each counts, in its order. */
  readonly ordered: Map<Item, number>;
  readonly others: Map<Item, number>;
  newest: number;
}

export class OldestVotes<Item> {
  readonly #groups = new Map<number, VoteGroup<Item>>();
  readonly #groupOf = new Map<Item, VoteGroup<Item>>();

  /** The vote of an item counts until `validUntil`. */
  set(item: Item, validUntil: number, staleAfterMs: number): void {
    this.delete(item);
    const group = this.#groups.get(staleAfterMs) ?? this.#open(staleAfterMs);
    this.#groupOf.set(item, group);
    if (validUntil < group.newest) {
      group.others.set(item, validUntil);
      return;
    }
    group.newest = validUntil;
    group.ordered.set(item, validUntil);
  }

  /** The item has no vote that counts. */
  delete(item: Item): void {
    const group = this.#groupOf.get(item);
    if (group === undefined) return;
    this.#groupOf.delete(item);
    if (!group.ordered.delete(item)) group.others.delete(item);
    if (group.ordered.size + group.others.size === 0) this.#groups.delete(group.staleAfterMs);
  }

  /** The age of the oldest result, as a share of its staleAfter: 0 to 1. */
  stalest(now: number): number {
    let stalest = 0;
    for (const { staleAfterMs, ordered, others } of this.#groups.values()) {
      const [oldest = Number.POSITIVE_INFINITY] = ordered.values();
      let validUntil = oldest;
      for (const other of others.values()) validUntil = Math.min(validUntil, other);
      stalest = Math.max(stalest, 1 - (validUntil - now) / staleAfterMs);
    }
    return Math.min(stalest, 1);
  }

  #open(staleAfterMs: number): VoteGroup<Item> {
    const group = { staleAfterMs, ordered: new Map(), others: new Map(), newest: Number.NEGATIVE_INFINITY };
    this.#groups.set(staleAfterMs, group);
    return group;
  }
}
