/**
 * Maintenance: for how long the hooks of a service, or of all, are silent. It never changes a status.
 *
 *     set --> until (wall time) --> over: the wall clock has reached it, or the duration has passed, whichever is first
 *
 * The end is in wall time, so that it survives a restart. A wall clock that is set back does not make it longer than its
 * duration, counted from the last start of the process. In a fleet the duration alone counts, so that it ends at all members
 * at the same time, whatever their wall clocks say.
 */
import { publish } from "../core/channels.js";
import type { CancelTimer, Clock } from "../core/clock.js";

/** One service, or all of them. */
export type Scope = { readonly service: string } | "all";

/** Wall times in milliseconds since 1970. */
export interface Maintenance {
  readonly sinceMs: number;
  readonly untilMs: number;
  readonly reason: string;
}

interface Entry extends Maintenance {
  readonly scope: Scope;
  /** Monotonic time at which the duration has passed. */
  readonly endsAt: number;
}

/** The ends are looked for this often: a jump of the wall clock is noticed then. */
const MAX_WAIT_MS = 10_000;

export interface MaintenanceTableDeps {
  readonly clock: Clock;
  readonly instance: string;
  /** It ends when the wall clock says so, too. */
  readonly followsWallClock: boolean;
}

export class MaintenanceTable {
  readonly #clock: Clock;
  readonly #instance: string;
  readonly #followsWallClock: boolean;
  readonly #onEnd: (scope: Scope) => void;
  readonly #entries = new Map<string, Entry>();
  #cancelTimer: CancelTimer = () => {};

  /** @param onEnd is called when a maintenance is over by itself */
  constructor({ clock, instance, followsWallClock }: MaintenanceTableDeps, onEnd: (scope: Scope) => void) {
    this.#clock = clock;
    this.#instance = instance;
    this.#followsWallClock = followsWallClock;
    this.#onEnd = onEnd;
  }

  /** The maintenance of a scope that is not over. */
  of(scope: Scope): Maintenance | undefined {
    const entry = this.#entries.get(keyOf(scope));
    if (entry === undefined || this.#isOver(entry)) return undefined;
    if (this.#followsWallClock) return entry;
    const wallTime = this.#clock.wallTime();
    const leftMs = entry.endsAt - this.#clock.now();
    const durationMs = entry.untilMs - entry.sinceMs;
    return { ...entry, sinceMs: Math.round(wallTime + leftMs - durationMs), untilMs: Math.round(wallTime + leftMs) };
  }

  get scopes(): readonly Scope[] {
    return [...this.#entries.values()].map(({ scope }) => scope);
  }

  /** Begins, or takes up after a restart. One that is over already ends at once. */
  set(scope: Scope, maintenance: Maintenance): void {
    const { sinceMs, untilMs } = maintenance;
    const leftMs = Math.min(untilMs - this.#clock.wallTime(), untilMs - sinceMs);
    this.#entries.set(keyOf(scope), { ...maintenance, scope, endsAt: this.#clock.now() + leftMs });
    this.#publish(scope, true);
    this.#endOver();
  }

  /** Ends a maintenance before its time. Returns whether there was one. */
  delete(scope: Scope): boolean {
    const was = this.of(scope) !== undefined;
    if (this.#entries.delete(keyOf(scope))) this.#publish(scope, false);
    return was;
  }

  close(): void {
    this.#cancelTimer();
    this.#entries.clear();
  }

  #isOver({ untilMs, endsAt }: Entry): boolean {
    return (this.#followsWallClock && this.#clock.wallTime() >= untilMs) || this.#clock.now() >= endsAt;
  }

  #endOver(): void {
    this.#cancelTimer();
    const over = [...this.#entries.values()].filter((entry) => this.#isOver(entry));
    for (const { scope } of over) this.#entries.delete(keyOf(scope));
    const [now, wallTime] = [this.#clock.now(), this.#clock.wallTime()];
    const waits = [...this.#entries.values()].map(({ endsAt, untilMs }) =>
      Math.min(endsAt - now, this.#followsWallClock ? untilMs - wallTime : Number.POSITIVE_INFINITY),
    );
    if (waits.length > 0)
      this.#cancelTimer = this.#clock.setTimer(Math.min(MAX_WAIT_MS, ...waits), () => this.#endOver());
    for (const { scope } of over) {
      this.#publish(scope, false);
      this.#onEnd(scope);
    }
  }

  #publish(scope: Scope, active: boolean): void {
    publish("maintenance", {
      instance: this.#instance,
      service: scope === "all" ? undefined : scope.service,
      active,
    });
  }
}

function keyOf(scope: Scope): string {
  return scope === "all" ? "all" : `service ${scope.service}`;
}
