/**
 * The last transitions of a registry, within a bound of number and bytes.
 *
 *     registry --transition 57--> [ 12, 13, ... 56, 57 ] --continue from 40--> 41 .. 57
 *                                   '-- the oldest are dropped --continue from 8--> not possible any more
 *
 * An event ID is `EPOCH-SEQUENCE`. The epoch is another one in each process: the sequence starts at 1 again, so an ID of
 * an earlier process must not be taken for one of this process. Transitions of earlier processes, which a journal has
 * stored, are listed with their IDs; a client cannot continue from them.
 */
import type { Transition } from "../../core/channels.js";
import type { Clock, Random } from "../../core/clock.js";

/** A transition as it is kept: its detail is for the log alone. */
export type KeptTransition = Omit<Transition, "detail">;

/** A transition with the epoch of its process. */
export interface EpochTransition {
  readonly epoch: string;
  readonly transition: KeptTransition;
}

/** Transitions that are kept, with those of earlier processes. */
export const MAX_TRANSITIONS = 10_000;

const MAX_BYTES = 4 * 1024 * 1024;

/** Estimated bytes of one transition beside its texts. */
const BASE_BYTES = 160;

/** When the bound is reached, this share is dropped at once: to drop one at a time would move all others each time. */
const DROPPED_SHARE = 0.1;

const ID = /^([0-9a-z]{1,32})-(\d{1,15})$/;

/** The event ID of a transition. */
export function eventId(epoch: string, sequence: number): string {
  return `${epoch}-${sequence}`;
}

/** The parts of an event ID; `undefined` for any other text. */
export function parseEventId(id: string): { readonly epoch: string; readonly sequence: number } | undefined {
  const [, epoch, sequence] = ID.exec(id) ?? [];
  return epoch === undefined ? undefined : { epoch, sequence: Number(sequence) };
}

/** An epoch that no other process has, in practice. */
export function createEpoch(clock: Clock, random: Random): string {
  return `${Math.floor(clock.wallTime()).toString(36)}${Math.floor(random() * 36 ** 4)
    .toString(36)
    .padStart(4, "0")}`;
}

export class TransitionHistory {
  readonly epoch: string;
  /** Of earlier processes, the oldest first. */
  #earlier: EpochTransition[] = [];
  #kept: KeptTransition[] = [];
  /** Estimated bytes of the transitions of this process, and of earlier ones. */
  #bytes = 0;
  #last: number;
  readonly #observers = new Set<() => void>();

  /** @param last the sequence of the last transition before the first that is added */
  constructor(epoch: string, last = 0) {
    this.epoch = epoch;
    this.#last = last;
  }

  /** The sequence of the newest transition. */
  get last(): number {
    return this.#last;
  }

  add({ detail: _, ...transition }: Transition): void {
    if (transition.sequence <= this.#last) return;
    // those before a gap cannot be continued
    if (transition.sequence !== this.#last + 1) this.#drop(this.#kept.splice(0));
    this.#kept.push(transition);
    this.#bytes += bytesOf(transition);
    this.#last = transition.sequence;
    this.#limit();
    for (const observer of this.#observers) observer();
  }

  /** Takes over transitions of earlier processes, the oldest first. */
  adopt(earlier: readonly EpochTransition[]): void {
    this.#earlier.push(...earlier);
    for (const { transition } of earlier) this.#bytes += bytesOf(transition);
    this.#limit();
  }

  /** All that is kept, also of earlier processes. */
  *newestFirst(): IterableIterator<EpochTransition> {
    for (let index = this.#kept.length - 1; index >= 0; index -= 1) {
      const transition = this.#kept[index];
      if (transition !== undefined) yield { epoch: this.epoch, transition };
    }
    for (let index = this.#earlier.length - 1; index >= 0; index -= 1) {
      const earlier = this.#earlier[index];
      if (earlier !== undefined) yield earlier;
    }
  }

  /** One transition; `undefined` when it is not kept. */
  at(sequence: number): KeptTransition | undefined {
    return this.#kept[sequence - (this.#last - this.#kept.length) - 1];
  }

  /** Whether everything after a sequence is kept. */
  canContinue(sequence: number): boolean {
    return sequence >= this.#last - this.#kept.length;
  }

  idOf(sequence: number): string {
    return eventId(this.epoch, sequence);
  }

  /** The sequence of an ID of this epoch that was used already; `undefined` for any other text. */
  sequenceOf(id: string | undefined): number | undefined {
    const { epoch, sequence = 0 } = parseEventId(id ?? "") ?? {};
    return epoch === this.epoch && sequence <= this.#last ? sequence : undefined;
  }

  /** Calls `observer` after each transition that is added. It must not throw. Returns an unsubscribe function. */
  observe(observer: () => void): () => void {
    this.#observers.add(observer);
    return () => void this.#observers.delete(observer);
  }

  /** Drops the oldest until the rest is within the bound. */
  #limit(): void {
    while (this.#earlier.length + this.#kept.length > MAX_TRANSITIONS || this.#bytes > MAX_BYTES) {
      const earlier = this.#earlier.splice(0, Math.ceil(this.#earlier.length * DROPPED_SHARE));
      if (earlier.length > 0) this.#drop(earlier.map(({ transition }) => transition));
      else this.#drop(this.#kept.splice(0, Math.ceil(this.#kept.length * DROPPED_SHARE)));
    }
  }

  #drop(dropped: readonly KeptTransition[]): void {
    this.#bytes -= dropped.reduce((sum, each) => sum + bytesOf(each), 0);
  }
}

function bytesOf({ name, reason = "" }: KeptTransition): number {
  return BASE_BYTES + 2 * (name.length + reason.length);
}
