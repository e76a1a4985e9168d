/**
 * A limit on the probes that run at the same time. The others wait in a queue.
 *
 * A probe asks for its slot when it is due, so the queue is in the order of due times. When there are more probes than
 * this machine can run, checks start late, which is measured (`startLagMs`). Without the limit, they would time out and
 * all turn to failing, as Envoy's checks do near 4,000 checks a second
 * (https://github.com/envoyproxy/envoy/issues/28699).
 *
 * If that lasts until results become stale, the oldest first would be a trap: each result is stale before it is renewed, so
 * each probe changes a status twice, which costs more than the probe, and the daemon gets later still. So checks that have
 * a result that counts are renewed first, and every fourth start is of a check that has none:
 *
 *     due --has a result?--yes--> known ----------3 of 4--> free slot --> probe
 *               | no                 '--stale meanwhile--.
 *               '----------------------------------> unknown --1 of 4--^
 *
 * Then most statuses stay, the others are UNKNOWN, and each check is probed in the end.
 *
 * Only a few probes start in one turn of the event loop. Hundreds of new connections would make the turn so long that
 * the deadlines measure healthbridge instead of the targets.
 */

/** Maximum number of probes that run at the same time, over all checks of an engine. */
export const MAX_CONCURRENT_PROBES = 256;

/** Maximum number of probes that start in one turn of the event loop. */
export const MAX_STARTS_PER_TURN = 32;

/** Minimum of the limit when results are lost. */
const MIN_CONCURRENT_PROBES = 16;

/** By how much each result that counts raises a limit that was lowered. */
const GROWTH = 1 / 8;

/** Of so many starts, one is of a check without a result that counts, while both kinds wait. */
const STARTS_PER_UNKNOWN = 4;

/** Maximum number of waiting starts that are moved for one start of a probe: 100,000 results may become stale at once. */
const MAX_MOVES = 500;

/** The result that a start will renew. */
interface ProbedResult {
  /** Whether it still counts. */
  readonly isCurrent: boolean;
}

interface QueuedStart {
  readonly start: () => void;
  readonly result: ProbedResult;
}

export class ConcurrencyLimit {
  readonly #maxLimit: number;
  #maxRunning: number;
  /** The last one that has lowered the limit. */
  #lastStall: object | undefined;
  readonly #nextTurn: (action: () => void) => void;
  readonly #known = new Queue<QueuedStart>();
  readonly #unknown = new Queue<QueuedStart>();
  #running = 0;
  /** Starts in this turn of the event loop. */
  #started = 0;
  /** Starts of known ones since the last one of an unknown one. */
  #knownInARow = 0;

  /** @param nextTurn calls an action in the next turn of the event loop */
  constructor(nextTurn: (action: () => void) => void, maxRunning: number = MAX_CONCURRENT_PROBES) {
    this.#nextTurn = nextTurn;
    this.#maxLimit = maxRunning;
    this.#maxRunning = maxRunning;
  }

  /** Number of probes that may run at the same time now. */
  get maxRunning(): number {
    return this.#maxRunning;
  }

  /**
   * A probe has a result. While probes are late, each stall of the event loop halves the limit: those that run would make
   * each turn so long that all of their results are lost, again and again.
   * @param stall the one by which the result is lost; `undefined`: it counts, and raises a limit that was lowered
   */
  adapt(stall: object | undefined, isLate: boolean): void {
    if (stall === undefined) this.#maxRunning = Math.min(this.#maxLimit, this.#maxRunning + GROWTH);
    if (stall === undefined || stall === this.#lastStall || !isLate) return;
    this.#lastStall = stall;
    this.#maxRunning = Math.min(this.#maxLimit, Math.max(MIN_CONCURRENT_PROBES, this.#maxRunning / 2));
  }

  /**
   * Calls `start` at once, or when a slot is free. The caller must call `release` once for each start.
   * @param result what the start will renew. Without it, all are started in order
   */
  acquire(start: () => void, result: ProbedResult = { isCurrent: true }): void {
    (result.isCurrent ? this.#known : this.#unknown).push({ start, result });
    this.#startNext();
  }

  release(): void {
    this.#running -= 1;
    while (this.#startNext());
  }

  get #mayStart(): boolean {
    return this.#running < this.#maxRunning && this.#started < MAX_STARTS_PER_TURN;
  }

  /** Returns whether one has started. */
  #startNext(): boolean {
    const next = this.#mayStart ? this.#next() : undefined;
    if (next === undefined) return false;
    this.#running += 1;
    this.#started += 1;
    if (this.#started === MAX_STARTS_PER_TURN) this.#nextTurn(() => this.#beginTurn());
    next.start();
    return true;
  }

  #next(): QueuedStart | undefined {
    const isTurnOfUnknown = this.#knownInARow + 1 >= STARTS_PER_UNKNOWN && !this.#unknown.isEmpty;
    let known = isTurnOfUnknown ? undefined : this.#known.shift();
    for (let moves = 0; known?.result.isCurrent === false; moves += 1) {
      this.#unknown.push(known);
      known = moves < MAX_MOVES ? this.#known.shift() : undefined;
    }
    if (known !== undefined) {
      this.#knownInARow += 1;
      return known;
    }
    this.#knownInARow = 0;
    return this.#unknown.shift();
  }

  #beginTurn(): void {
    this.#started = 0;
    while (this.#startNext());
  }
}

/** First in, first out. */
class Queue<Item> {
  readonly #items: Item[] = [];
  /** Index of the first one: the items before it were taken. */
  #first = 0;

  get isEmpty(): boolean {
    return this.#first === this.#items.length;
  }

  push(item: Item): void {
    this.#items.push(item);
  }

  shift(): Item | undefined {
    const item = this.#items[this.#first];
    if (item === undefined) return undefined;
    this.#first += 1;
    if (this.#first * 2 > this.#items.length) {
      this.#items.splice(0, this.#first);
      this.#first = 0;
    }
    return item;
  }
}
