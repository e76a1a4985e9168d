/**
 * Orders of an operator to another member: they travel with the beats of the member at which they were given.
 *
 *     members drain b, at a --> asks of a's beats --> b does each once, but none that is older than what it was ordered last
 *                                    |
 *                                    '-- until ten beats of b say that it reads them, or for five minutes: then it is lost
 *
 * So no order is lost while the store is away for a moment, and none is done long after it was given.
 */
import type { Clock, Random } from "../../core/clock.js";
import type { HeardBeat } from "../members/members.js";
import { type Beat, MAX_ASKS, type MemberAsk } from "../records/beat.js";
import type { Run } from "../store/store.js";
import type { OrderTime } from "./order-time.js";

export interface AsksDeps {
  readonly clock: Clock;
  readonly random: Random;
  readonly time: OrderTime;
  /** This member. */
  readonly self: Pick<Beat, "member" | "run">;
}

interface SentAsk {
  readonly ask: MemberAsk;
  readonly sentAt: number;
  /** The counter of the first beat that has carried it. */
  readonly from: number | undefined;
  /** Beats of the member in which it has said that it reads those that carry it. */
  readonly reads: number;
}

/** The member may not take the first ones for new: it must have seen that this one lives. */
const READS_OF_AN_ASK = 10;

const MAX_ASK_MS = 300_000;

const MAX_DONE = 256;

export class Asks {
  readonly #deps: AsksDeps;
  #sent: readonly SentAsk[] = [];
  readonly #done = new Set<string>();
  /** The number of the last order to this member. */
  #last = 0;

  constructor(deps: AsksDeps) {
    this.#deps = deps;
  }

  /** Of two orders to one member, the last one holds. False: too many others are on their way. */
  send(member: string, run: Run, isDraining: boolean): boolean {
    const { clock, random, time } = this.#deps;
    const others = this.#sent.filter((sent) => sent.ask.member !== member);
    if (others.length >= MAX_ASKS) return false;
    const ask = { id: hexDigits(8, random), member, run, isDraining, number: time.next() };
    this.#sent = [...others, { ask, sentAt: clock.now(), from: undefined, reads: 0 }];
    return true;
  }

  /** An order to this member is given here. */
  obeyOwn(): void {
    this.#last = this.#deps.time.next();
  }

  /** What the beat with this counter carries. */
  take(counter: number): readonly MemberAsk[] {
    this.#sent = this.#sent.map((sent) => ({ ...sent, from: sent.from ?? counter }));
    return this.#sent.map(({ ask }) => ask);
  }

  /** Gives up what is too old. Returns the orders that their members have never read. */
  giveUp(): readonly MemberAsk[] {
    const now = this.#deps.clock.now();
    const isOld = ({ sentAt }: SentAsk) => now - sentAt >= MAX_ASK_MS;
    const old = this.#sent.filter(isOld);
    if (old.length > 0) this.#sent = this.#sent.filter((sent) => !isOld(sent));
    return old.filter(({ reads }) => reads === 0).map(({ ask }) => ask);
  }

  /** A new beat of another member: it tells which of the own ones it has read. */
  hear({ run, heard }: Pick<HeardBeat, "run" | "heard">): void {
    const read = heard?.get(this.#deps.self.run) ?? 0;
    const isRead = ({ ask, from }: SentAsk) => ask.run === run && from !== undefined && from <= read;
    this.#sent = this.#sent
      .map((sent) => (isRead(sent) ? { ...sent, reads: sent.reads + 1 } : sent))
      .filter(({ reads }) => reads < READS_OF_AN_ASK);
  }

  /** The orders of a beat to this member that it has to do. */
  received({ asks }: Pick<Beat, "asks">): readonly MemberAsk[] {
    const { self } = this.#deps;
    const isForSelf = ({ member, run }: MemberAsk) => member === self.member && (run === undefined || run === self.run);
    const fresh = asks.filter((ask) => isForSelf(ask) && !this.#done.has(ask.id));
    for (const { id } of fresh) this.#remember(id);
    // two members may have given them, and the later one may have been read first
    return fresh.filter(({ number }) => this.#isNewest(number));
  }

  /** An older version does not number its orders. */
  #isNewest(number = this.#last): boolean {
    if (number < this.#last) return false;
    this.#last = number;
    return true;
  }

  #remember(id: string): void {
    const oldest = this.#done.size < MAX_DONE ? undefined : this.#done.values().next().value;
    if (oldest !== undefined) this.#done.delete(oldest);
    this.#done.add(id);
  }
}

export function hexDigits(length: number, random: Random): string {
  return Array.from({ length }, () => Math.floor(random() * 16).toString(16)).join("");
}
