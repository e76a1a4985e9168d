/**
 * The maintenance of a fleet: an order that is given at any member holds at all of them.
 *
 *     a: 1h for orders --beats--> b, c        each member keeps what it has heard, so a may end
 *     c: end of orders --beats--> a, b        an end is an order too
 *
 * Each scope has one order: the one with the higher number (order-time.ts), whichever is heard first. So the later order holds,
 * also of two members that were apart, if they have heard each other before. No wall clock is compared: beats have the time
 * that is left.
 *
 * An order is remembered until the longest one for its scope that it has replaced would be over: a member that was away for
 * long, and still has that one in its `stateDir`, must not bring it back.
 */
import { createHash } from "node:crypto";
import type { Clock, Random } from "../../core/clock.js";
import { MAX_ORDERS, type MaintenanceOrder, type ToldMaintenance } from "../records/maintenance-form.js";
import { hexDigits } from "./asks.js";
import type { OrderTime } from "./order-time.js";

/** An order as a member keeps it: its times are monotonic ones of this process. */
export interface KeptOrder extends Omit<MaintenanceOrder, "leftMs" | "keepMs"> {
  readonly endsAt: number;
  readonly keptUntil: number;
}

export interface NewOrder extends Pick<MaintenanceOrder, "scope" | "reason" | "member"> {
  readonly durationMs: number;
}

/** After its time an order is remembered for so long: others may tell of it a little later. */
const LINGER_MS = 600_000;

const MAX_LINGERING = 256;

export interface FleetMaintenanceDeps {
  readonly clock: Clock;
  readonly random: Random;
  readonly time: OrderTime;
  /** Times of one order differ by less than this among members: a beat is read somewhat later than it was written. */
  readonly toleranceMs: number;
  /** The order of a scope is another one now, or is forgotten. */
  readonly onChange: (scope: string) => void;
}

export class FleetMaintenance {
  readonly #deps: FleetMaintenanceDeps;
  readonly #orders = new Map<string, KeptOrder>();

  constructor(deps: FleetMaintenanceDeps) {
    this.#deps = deps;
  }

  get(scope: string): KeptOrder | undefined {
    return this.#orders.get(scope);
  }

  /** Also those that end, or have ended a moment ago. */
  get scopes(): readonly string[] {
    return [...this.#orders.keys()];
  }

  /** The maintenance of a scope that is not over. */
  active(scope: string): KeptOrder | undefined {
    const order = this.#orders.get(scope);
    return order === undefined || this.#isOver(order) ? undefined : order;
  }

  /** Whether there is room for an order. */
  hasRoomFor(scope: string): boolean {
    return this.active(scope) !== undefined || [...this.#orders.values()].filter(this.#isActive).length < MAX_ORDERS;
  }

  /** A new order, which `merge` puts in place of the one before; 0 ms ends the maintenance. */
  next({ durationMs, ...order }: NewOrder): MaintenanceOrder {
    const { clock, random, time } = this.#deps;
    const now = clock.now();
    return {
      ...order,
      id: hexDigits(8, random),
      number: time.next(),
      leftMs: durationMs,
      keepMs: Math.max(durationMs, (this.#orders.get(order.scope)?.keptUntil ?? now) - now),
      isEnd: durationMs === 0,
    };
  }

  /** Takes in what another member knows, or what an earlier process has stored. Returns whether this member has learned something. */
  merge(orders: readonly MaintenanceOrder[]): boolean {
    const news = orders.filter((order) => order.keepMs > 0 && this.#take(order));
    this.#tidy();
    return news.length > 0;
  }

  /** What is known. */
  told(): ToldMaintenance {
    this.#tidy();
    const now = this.#deps.clock.now();
    const orders = [...this.#orders.values()].filter(({ keptUntil }) => keptUntil > now);
    return {
      digest: digestOf(orders),
      orders: orders.map(({ endsAt, keptUntil, ...order }) => ({
        ...order,
        leftMs: Math.max(0, Math.round(endsAt - now)),
        keepMs: Math.max(1, Math.round(keptUntil - now)),
      })),
    };
  }

  /** Returns whether the order is new here, and holds from now on. */
  #take({ leftMs, keepMs, ...told }: MaintenanceOrder): boolean {
    const { clock, time, toleranceMs, onChange } = this.#deps;
    const now = clock.now();
    const before = this.#orders.get(told.scope);
    const order = { ...told, endsAt: now + leftMs, keptUntil: now + keepMs };
    time.hear(told.number);
    const rank = before === undefined ? 1 : compare(order, before);
    if (before !== undefined && rank <= 0) {
      const isSooner = rank === 0 && order.endsAt < before.endsAt - toleranceMs;
      const isLonger = order.keptUntil > before.keptUntil + toleranceMs;
      if (!isSooner && !isLonger) return false;
      const keptUntil = isLonger ? order.keptUntil : before.keptUntil;
      this.#orders.set(told.scope, { ...before, endsAt: isSooner ? order.endsAt : before.endsAt, keptUntil });
      onChange(told.scope);
      return false;
    }
    const keptUntil = Math.max(order.keptUntil, before?.keptUntil ?? 0);
    this.#orders.set(told.scope, { ...order, keptUntil });
    onChange(told.scope);
    return true;
  }

  /** Forgets what is over for long. Of too many orders, those that end something go first, and then the oldest. */
  #tidy(): void {
    const now = this.#deps.clock.now();
    const all = [...this.#orders.values()];
    const kept = all.filter(({ keptUntil }) => keptUntil > now).sort(byWorth);
    const lingering = all
      .filter(({ keptUntil }) => keptUntil <= now)
      .sort((one, other) => other.keptUntil - one.keptUntil);
    const old = lingering.filter(({ keptUntil }, index) => index >= MAX_LINGERING || keptUntil + LINGER_MS <= now);
    for (const { scope } of [...kept.slice(MAX_ORDERS), ...old]) {
      this.#orders.delete(scope);
      this.#deps.onChange(scope);
    }
  }

  #isOver({ endsAt }: KeptOrder): boolean {
    return endsAt <= this.#deps.clock.now();
  }

  readonly #isActive = (order: KeptOrder): boolean => !this.#isOver(order);
}

/** Which of two orders for one scope holds: the same at all members. */
function compare(one: KeptOrder, other: KeptOrder): number {
  return one.number - other.number || (one.id === other.id ? 0 : one.id < other.id ? -1 : 1);
}

function byWorth(one: KeptOrder, other: KeptOrder): number {
  return Number(one.isEnd) - Number(other.isEnd) || compare(other, one);
}

/** Without times: they differ a little among members. */
function digestOf(orders: readonly KeptOrder[]): string {
  if (orders.length === 0) return "";
  const texts = orders.map(({ scope, number, id }) => JSON.stringify([scope, number, id])).sort();
  return createHash("sha256").update(texts.join()).digest("base64url").slice(0, 16);
}
