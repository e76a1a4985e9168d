/**
 * The members of a large service, counted: so a change of one of them costs no look at the others.
 *
 *     traits of members     good  bad  undecided ...        counts:  how many members have each trait
 *     "a" passing            x                              firsts:  the first member with each trait, of which the
 *     "b" failing                  x                                 status has its reason
 *
 * The first member is found in a tree of bits, a bit for each member: so a change costs a few steps, however many there are.
 */
import {
  ASSUMED,
  BAD,
  COUNTED,
  CRITICAL,
  DECIDED,
  FLAWED,
  GOOD,
  type Member,
  PENDING,
  type Policy,
  type Rollup,
  rollupOf,
  traitsOf,
  UNDECIDED,
} from "./policy.js";

const WORD_SHIFT = 5;
const WORD_BITS = 1 << WORD_SHIFT;

interface CountedMember {
  readonly order: number;
  member: Member;
  traits: number;
}

export class MemberCounts {
  readonly #entries = new Map<string, CountedMember>();
  readonly #ordered: CountedMember[] = [];
  #counted = 0;
  #decided = 0;
  #critical = 0;
  #good = 0;
  readonly #pending = new BitTree();
  readonly #flawed = new BitTree();
  readonly #assumed = new BitTree();
  readonly #undecided = new BitTree();
  readonly #bad = new BitTree();

  /** In the order of the service. A name that comes again is ignored. */
  constructor(members: Iterable<readonly [name: string, member: Member]>) {
    for (const [name, member] of members) this.add(name, member);
  }

  /** One more member, after the others. A name that comes again is ignored. */
  add(name: string, member: Member): void {
    if (this.#entries.has(name)) return;
    const entry = { order: this.#ordered.length, member, traits: 0 };
    this.#entries.set(name, entry);
    this.#ordered.push(entry);
    this.#change(entry, traitsOf(member));
  }

  has(name: string): boolean {
    return this.#entries.has(name);
  }

  /** A member is another one now. Other names are ignored. */
  update(name: string, member: Member): void {
    const entry = this.#entries.get(name);
    if (entry === undefined) return;
    entry.member = member;
    const traits = traitsOf(member);
    if (traits !== entry.traits) this.#change(entry, traits);
  }

  rollup(policy: Policy): Rollup {
    const members = {
      counted: this.#counted,
      decided: this.#decided,
      critical: this.#critical,
      good: this.#good,
      pending: this.#ordered[this.#pending.first]?.member,
      flawed: this.#ordered[this.#flawed.first]?.member,
      assumed: this.#ordered[this.#assumed.first]?.member,
      undecided: this.#ordered[this.#undecided.first]?.member,
      bad: this.#ordered[this.#bad.first]?.member,
    };
    return rollupOf(members, policy);
  }

  #change(entry: CountedMember, traits: number): void {
    const before = entry.traits;
    const changed = before ^ traits;
    const { order } = entry;
    entry.traits = traits;
    this.#counted += gained(COUNTED, before, traits);
    this.#decided += gained(DECIDED, before, traits);
    this.#critical += gained(CRITICAL, before, traits);
    this.#good += gained(GOOD, before, traits);
    if ((changed & PENDING) !== 0) this.#pending.set(order, (traits & PENDING) !== 0);
    if ((changed & FLAWED) !== 0) this.#flawed.set(order, (traits & FLAWED) !== 0);
    if ((changed & ASSUMED) !== 0) this.#assumed.set(order, (traits & ASSUMED) !== 0);
    if ((changed & UNDECIDED) !== 0) this.#undecided.set(order, (traits & UNDECIDED) !== 0);
    if ((changed & BAD) !== 0) this.#bad.set(order, (traits & BAD) !== 0);
  }
}

/** 1: it has got the trait; -1: it has lost it. */
function gained(trait: number, before: number, after: number): number {
  return ((after & trait) - (before & trait)) / trait;
}

/**
 * A set of small numbers that knows its first one. Each word has 32 bits, and each bit above says that a word is not empty.
 *
 *     top        [ 0000...0101 ]
 *                        |   '----------------.
 *     numbers    [ 00 ... 01100 ]  [ 0 ]  [ 0...01000 ]     first: 3 steps for 32,768 numbers
 */
class BitTree {
  /** The numbers first, the top last. */
  readonly #levels: number[][] = [[0]];
  #capacity = WORD_BITS;

  /** -1: it is empty. */
  get first(): number {
    let index = 0;
    for (let level = this.#levels.length - 1; level >= 0; level -= 1) {
      const word = this.#levels[level]?.[index] ?? 0;
      if (word === 0) return -1;
      index = index * WORD_BITS + (WORD_BITS - 1 - Math.clz32(word & -word)); // the lowest bit
    }
    return index;
  }

  set(number: number, isIn: boolean): void {
    for (; number >= this.#capacity; this.#capacity *= WORD_BITS) this.#levels.push([this.first < 0 ? 0 : 1]);
    let index = number;
    for (const words of this.#levels) {
      const [place, bit] = [index >>> WORD_SHIFT, 1 << (index & (WORD_BITS - 1))];
      while (words.length <= place) words.push(0);
      const before = words[place] ?? 0;
      const after = isIn ? before | bit : before & ~bit;
      words[place] = after;
      // the words above know already
      if ((isIn ? before : after) !== 0) return;
      index = place;
    }
  }
}
