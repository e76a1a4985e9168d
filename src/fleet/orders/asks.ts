/**
 * Orders of an operator to another member: they travel with the beats of the member at which they were given.
 *
 *     members drain b, at a --> asks of a's next ten beats --> b does each once
 */
import type { Random } from "../../core/clock.js";
import type { Beat, MemberAsk } from "../records/beat.js";
import type { Run } from "../store/store.js";

const BEATS_OF_AN_ASK = 10;

const MAX_ASKS = 16;

const MAX_DONE = 256;

export class Asks {
  readonly #random: Random;
  #sent: readonly { readonly ask: MemberAsk; readonly beatsLeft: number }[] = [];
  readonly #done = new Set<string>();

  constructor(random: Random) {
    this.#random = random;
  }

  /** Of two orders to one member, the last one holds. False: too many others are on their way. */
  send(member: string, run: Run, isDraining: boolean): boolean {
    const ask = { id: hexDigits(8, this.#random), member, run, isDraining };
    const others = this.#sent.filter((sent) => sent.ask.member !== member);
    if (others.length >= MAX_ASKS) return false;
    this.#sent = [...others, { ask, beatsLeft: BEATS_OF_AN_ASK }];
    return true;
  }

  /** What the next beat carries. */
  take(): readonly MemberAsk[] {
    const asks = this.#sent.map(({ ask }) => ask);
    this.#sent = this.#sent
      .map(({ ask, beatsLeft }) => ({ ask, beatsLeft: beatsLeft - 1 }))
      .filter(({ beatsLeft }) => beatsLeft > 0);
    return asks;
  }

  /** The orders of a beat to this member that it has not done yet. */
  received({ asks }: Pick<Beat, "asks">, self: Pick<Beat, "member" | "run">): readonly MemberAsk[] {
    const isForSelf = ({ member, run }: MemberAsk) => member === self.member && (run === undefined || run === self.run);
    const fresh = asks.filter((ask) => isForSelf(ask) && !this.#done.has(ask.id));
    for (const { id } of fresh) this.#remember(id);
    return fresh;
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
