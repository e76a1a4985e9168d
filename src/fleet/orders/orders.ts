/**
 * What operators order at one member for others: to drain, to take a share again, and maintenance. Orders travel with beats.
 *
 *     operator --> this member --its beats--> others: drain           once, by the member that is named
 *                                             others: maintenance     kept and passed on, by all
 *
 * Two orders one after the other, at whichever members, are in this order at all of them while the store answers: a member
 * reads all beats before it gives one, and the store has it before the operator has the answer.
 */
import { background } from "../../core/background.js";
import { type Clock, type Random, settledWithin } from "../../core/clock.js";
import type { FleetEvent, FleetSettings } from "../fleet-deps.js";
import type { HeardBeat, HeardMember } from "../members/members.js";
import type { FleetMembership } from "../members/membership.js";
import type { Beat } from "../records/beat.js";
import type { ToldMaintenance } from "../records/maintenance-form.js";
import { Asks } from "./asks.js";
import { FleetMaintenance } from "./maintenance.js";
import { OrderTime } from "./order-time.js";

export interface OrdersDeps {
  readonly clock: Clock;
  readonly random: Random;
  readonly settings: FleetSettings;
  readonly membership: FleetMembership;
  /** A beat besides those that are due. Resolves with whether the store has taken it, and has told the others'. */
  readonly beatNow: () => Promise<boolean>;
  readonly onEvent: (event: FleetEvent) => void;
}

/** A new order reaches each live member within two beats. One that takes longer is named to the operator. */
const MAX_TELLING_BEATS = 4;
const MAX_TELLING_MS = 5_000;

export class Orders {
  readonly maintenance: FleetMaintenance;
  readonly #deps: OrdersDeps;
  readonly #time: OrderTime;
  readonly #asks: Asks;
  #onMaintenance: (scope: string) => void = () => {};

  constructor(deps: OrdersDeps) {
    const { clock, random, settings, membership } = deps;
    this.#deps = deps;
    this.#time = new OrderTime(clock);
    const shared = { clock, random, time: this.#time };
    this.#asks = new Asks({ ...shared, self: { member: settings.member, run: membership.self.run } });
    const onChange = (scope: string) => this.#onMaintenance(scope);
    this.maintenance = new FleetMaintenance({ ...shared, toleranceMs: settings.leaseMs, onChange });
  }

  /** Calls a listener when the maintenance of a scope has changed. There is one listener. */
  followMaintenance(listener: (scope: string) => void): void {
    this.#onMaintenance = listener;
  }

  /** The same as `ask`, in the order of time: it comes after all orders that the store knows, and has this one at the end. */
  async askInOrder(member: string, isDraining: boolean): Promise<ReturnType<Orders["ask"]>> {
    const { beatNow } = this.#deps;
    await beatNow();
    const outcome = this.ask(member, isDraining);
    if (outcome === "asked") await beatNow();
    return outcome;
  }

  /**
   * Orders a member to drain, or to take its share again. `unknown`: there is no live member of that name that would understand
   * it. `full`: too many orders are on their way. `last`: all others are drained or leave.
   */
  ask(member: string, isDraining: boolean): "asked" | "unknown" | "full" | "last" {
    const { settings, membership, onEvent } = this.#deps;
    if (isDraining && membership.isNeeded(member)) return "last";
    if (member === settings.member) {
      this.drain(isDraining);
      return "asked";
    }
    const asked = membership.alive.find(({ name, beat }) => name === member && beat !== undefined);
    if (asked === undefined) return "unknown";
    if (!this.#asks.send(member, asked.run, isDraining)) return "full";
    onEvent({ kind: "order-sent", member, isDraining });
    return "asked";
  }

  /**
   * Hands the share of this member over, or takes it again; it goes on to serve. One that ends does neither.
   * @param by the member at which an operator has ordered it; `undefined`: this one
   */
  drain(isDraining: boolean, by?: string): void {
    const { settings, membership, beatNow, onEvent } = this.#deps;
    if (by === undefined) this.#asks.obeyOwn();
    const { isLeaving, isDrained } = membership;
    const isEnding = isLeaving && !isDrained;
    if (isEnding || isDraining === isDrained) return;
    membership.change({ isLeaving: isDraining, isDrained: isDraining });
    onEvent({ kind: "drain", isDraining, by: by ?? settings.member });
    background(beatNow(), settings.instance, "the fleet");
  }

  /** Reads what the others tell now. */
  async catchUp(): Promise<void> {
    await this.#deps.beatNow();
  }

  /** Tells the others. Resolves with the live members that do not know all orders yet: after a few beats, if there are any. */
  async tell(): Promise<readonly string[]> {
    const { clock, settings } = this.#deps;
    const { beatMs } = settings;
    const until = clock.now() + Math.min(MAX_TELLING_MS, MAX_TELLING_BEATS * beatMs);
    while ((await this.#deps.beatNow()) && this.#unaware().length > 0 && clock.now() < until)
      await settledWithin(new Promise(() => {}), beatMs / 2, clock);
    return this.#unaware();
  }

  /** What the beat with this counter carries. */
  forBeat(counter: number): Pick<Beat, "asks" | "orderTime"> & { readonly maintenance: ToldMaintenance } {
    for (const { member, isDraining } of this.#asks.giveUp())
      this.#deps.onEvent({ kind: "order-lost", member, isDraining });
    const { digest, orders } = this.maintenance.told();
    const { members, self } = this.#deps.membership;
    const isNewTo = ({ run, beat }: HeardMember) => {
      const theirs = beat?.maintenance?.digest;
      return run !== self.run && theirs !== undefined && theirs !== digest;
    };
    const isNews = members.all().some((member) => !members.isGone(member) && isNewTo(member));
    const asks = this.#asks.take(counter);
    return { asks, orderTime: this.#time.now, maintenance: { digest, orders: isNews ? orders : [] } };
  }

  /** @param beat of a live member, and not the one before */
  hear(beat: HeardBeat): void {
    const { settings, beatNow } = this.#deps;
    const { member, asks = [], orderTime = 0, maintenance } = beat;
    this.#time.hear(orderTime);
    this.#asks.hear(beat);
    for (const { isDraining } of this.#asks.received({ asks })) this.drain(isDraining, member);
    // its member waits until the others know it
    if (maintenance !== undefined && this.maintenance.merge(maintenance.orders))
      background(beatNow(), settings.instance, "the fleet");
  }

  #unaware(): readonly string[] {
    const { digest } = this.maintenance.told();
    const others = this.#deps.membership.alive.filter(({ beat }) => beat?.maintenance?.digest !== digest);
    return [...new Set(others.map(({ name }) => name))];
  }
}
