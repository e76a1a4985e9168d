/**
 * The members of a large service, counted: so a change of one of them costs no look at the others.
 *
 *     traits of members     good  bad  undecided ...        counts:  how many members have each trait
 *     "a" passing            x                              firsts:  the first member with each trait, of which the
 *     "b" failing                  x                                 status has its reason
 *
 * A member that gets a trait is put in the heap of that trait, in the order of the members. One that loses it stays there
 * until it is on top: so a change costs O(log n) at most.
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

interface CountedMember {
  readonly order: number;
  member: Member;
  traits: number;
  /** The traits in whose heaps it is. */
  queued: number;
}

export class MemberCounts {
  readonly #entries = new Map<string, CountedMember>();
  #counted = 0;
  #decided = 0;
  #critical = 0;
  #good = 0;
  readonly #pending = new FirstMember(PENDING);
  readonly #flawed = new FirstMember(FLAWED);
  readonly #assumed = new FirstMember(ASSUMED);
  readonly #undecided = new FirstMember(UNDECIDED);
  readonly #bad = new FirstMember(BAD);

  /** In the order of the service. A name that comes again is ignored. */
  constructor(members: Iterable<readonly [name: string, member: Member]>) {
    for (const [name, member] of members) {
      if (this.#entries.has(name)) continue;
      const entry = { order: this.#entries.size, member, traits: 0, queued: 0 };
      this.#entries.set(name, entry);
      this.#change(entry, traitsOf(member));
    }
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
      pending: this.#pending.get(),
      flawed: this.#flawed.get(),
      assumed: this.#assumed.get(),
      undecided: this.#undecided.get(),
      bad: this.#bad.get(),
    };
    return rollupOf(members, policy);
  }

  #change(entry: CountedMember, traits: number): void {
    const before = entry.traits;
    entry.traits = traits;
    this.#counted += gained(COUNTED, before, traits);
    this.#decided += gained(DECIDED, before, traits);
    this.#critical += gained(CRITICAL, before, traits);
    this.#good += gained(GOOD, before, traits);
    this.#pending.offer(entry);
    this.#flawed.offer(entry);
    this.#assumed.offer(entry);
    this.#undecided.offer(entry);
    this.#bad.offer(entry);
  }
}

/** 1: it has got the trait; -1: it has lost it. */
function gained(trait: number, before: number, after: number): number {
  return ((after & trait) - (before & trait)) / trait;
}

/** The first member that has a trait. */
class FirstMember {
  readonly #trait: number;
  readonly #heap: CountedMember[] = [];

  constructor(trait: number) {
    this.#trait = trait;
  }

  /** The member may have the trait now. */
  offer(entry: CountedMember): void {
    if ((entry.traits & ~entry.queued & this.#trait) === 0) return;
    entry.queued |= this.#trait;
    push(this.#heap, entry);
  }

  get(): Member | undefined {
    for (let top = this.#heap[0]; top !== undefined; top = this.#heap[0]) {
      if ((top.traits & this.#trait) !== 0) return top.member;
      top.queued &= ~this.#trait;
      pop(this.#heap);
    }
    return undefined;
  }
}

function push(heap: CountedMember[], entry: CountedMember): void {
  let index = heap.length;
  for (; index > 0; ) {
    const parentIndex = (index - 1) >> 1;
    const parent = heap[parentIndex];
    if (parent === undefined || parent.order < entry.order) break;
    heap[index] = parent;
    index = parentIndex;
  }
  heap[index] = entry;
}

/** Removes the top. */
function pop(heap: CountedMember[]): void {
  const last = heap.pop();
  if (last === undefined || heap.length === 0) return;
  let index = 0;
  for (;;) {
    const [left, right] = [heap[2 * index + 1], heap[2 * index + 2]];
    const isRight = right !== undefined && left !== undefined && right.order < left.order;
    const child = isRight ? right : left;
    if (child === undefined || child.order > last.order) break;
    heap[index] = child;
    index = 2 * index + (isRight ? 2 : 1);
  }
  heap[index] = last;
}
