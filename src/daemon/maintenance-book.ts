/**
 * The maintenance that operators have declared: kept on the disk, and in a fleet shared by all members.
 *
 *     alone       call --> journal --> table
 *     in a fleet  call --> read the other members --> journal --> orders --> table        so the later of two orders holds
 *                                              other members --beats--^  |--> journal
 *
 * In a fleet, the orders are the truth, and the table follows them: with the services that this daemon has. An order for
 * another service is kept and passed on, for a member with another configuration.
 */
import type { Clock } from "../core/clock.js";
import { formatDuration } from "../core/duration.js";
import { OVERALL } from "../core/service-name.js";
import type { KeptOrder, NewOrder } from "../fleet/orders/maintenance.js";
import type { MaintenanceOrder } from "../fleet/records/maintenance-form.js";
import type { Journal } from "../telemetry/journal.js";
import type { JournalRecord } from "../telemetry/journal-lines.js";
import type { Log } from "../telemetry/log.js";
import { ControlError } from "./control-error.js";
import { type Maintenance, MaintenanceTable, type Scope } from "./maintenance.js";

/** Orders that all members of a fleet share. */
export interface SharedMaintenance {
  /** The name of this member. */
  readonly member: string;
  readonly scopes: readonly string[];
  get(scope: string): KeptOrder | undefined;
  hasRoomFor(scope: string): boolean;
  next(order: NewOrder): MaintenanceOrder;
  /** Takes up what an operator has ordered here, or an earlier process has stored. */
  takeUp(order: MaintenanceOrder): void;
  /** Reads a stored value. */
  read(value: unknown): MaintenanceOrder | undefined;
  /** Calls a listener when the order of a scope has changed. */
  follow(listener: (scope: string) => void): void;
  /** Reads what the others tell now. */
  catchUp(): Promise<void>;
  /** Tells the others. Resolves with the live members that do not know all orders after a few beats. */
  tell(): Promise<readonly string[]>;
}

export interface MaintenanceBookDeps {
  readonly clock: Clock;
  readonly log: Log;
  readonly instance: string;
  readonly journal: Journal | undefined;
  readonly fleet: SharedMaintenance | undefined;
  /** Whether there is a service of that name, or may be soon. */
  readonly isKnown: (service: string) => boolean;
  /** Writes to the journal. Rejects with ControlError; nothing has changed then. */
  readonly store: (records: readonly JournalRecord[]) => Promise<void>;
}

const TYPE = "maintenance";

export class MaintenanceBook {
  readonly #deps: MaintenanceBookDeps;
  readonly #table: MaintenanceTable;
  /** The order that the table has of each scope. */
  readonly #applied = new Map<string, KeptOrder>();

  constructor(deps: MaintenanceBookDeps) {
    this.#deps = deps;
    const { clock, instance, fleet, journal } = deps;
    this.#table = new MaintenanceTable({ clock, instance, followsWallClock: fleet === undefined }, (scope) => {
      if (fleet === undefined) journal?.put(TYPE, keyOf(scope), undefined);
      this.#logEnd(scope, "is over");
    });
    fleet?.follow((key) => this.#follow(key));
  }

  of(scope: Scope): Maintenance | undefined {
    return this.#table.of(scope);
  }

  /** Takes up what an earlier process has stored. */
  restore(): void {
    const { journal, fleet, clock } = this.#deps;
    for (const [key, value] of journal?.entries(TYPE) ?? []) {
      const { since, until, reason, order } = readStored(value);
      if (since === undefined || until === undefined) continue;
      // by the wall clock, but never longer than its duration
      const leftMs = Math.max(0, Math.min(until - clock.wallTime(), until - since));
      if (fleet !== undefined) this.#restoreOrder(fleet, key, { leftMs, reason, order });
      else if (until > since) this.#table.set(scopeOf(key), { sinceMs: since, untilMs: until, reason });
      else journal?.put(TYPE, key, undefined);
    }
    for (const key of fleet?.scopes ?? []) this.#follow(key);
  }

  /** Ends what is said about services that a reload has removed. In a fleet, other members may have them. */
  dropUnknown(): void {
    const { journal, fleet } = this.#deps;
    for (const key of fleet?.scopes ?? []) this.#apply(key);
    for (const scope of this.#table.scopes) {
      if (this.#isKnown(scope)) continue;
      this.#table.delete(scope);
      this.#applied.delete(keyOf(scope));
      if (fleet === undefined) journal?.put(TYPE, keyOf(scope), undefined);
    }
  }

  /** Begins a maintenance, or changes it; 0 ms ends it. Returns whether something has changed. Rejects with ControlError. */
  async set(scope: Scope, durationMs: number, reason: string): Promise<boolean> {
    const { clock, fleet, store, log } = this.#deps;
    if (fleet !== undefined) return this.#order(fleet, scope, durationMs, reason);
    const record = { type: TYPE, key: keyOf(scope) };
    if (durationMs === 0) {
      if (this.#table.of(scope) === undefined) return false;
      await store([{ ...record, value: undefined }]);
      this.#table.delete(scope);
      this.#logEnd(scope, "ended by an operator");
      return true;
    }
    const since = clock.wallTime();
    const until = since + durationMs;
    await store([{ ...record, value: { since, until, reason } }]);
    this.#table.set(scope, { sinceMs: since, untilMs: until, reason });
    logBegin(log, scope, { durationMs, reason, until });
    return true;
  }

  /** Resolves with the live members of a fleet that do not know of it after a few beats. */
  async tell(): Promise<readonly string[]> {
    return (await this.#deps.fleet?.tell()) ?? [];
  }

  close(): void {
    this.#deps.fleet?.follow(() => {});
    this.#table.close();
  }

  async #order(fleet: SharedMaintenance, scope: Scope, durationMs: number, reason: string): Promise<boolean> {
    await fleet.catchUp();
    const key = keyOf(scope);
    if (durationMs === 0 && this.#table.of(scope) === undefined) return false;
    if (durationMs > 0 && !fleet.hasRoomFor(key))
      throw new ControlError(
        "RESOURCE_EXHAUSTED",
        "too many services of this fleet are in maintenance; end some, or declare it for a service that contains them",
      );
    const order = fleet.next({ scope: key, durationMs, reason, member: fleet.member });
    await this.#deps.store([{ type: TYPE, key, value: this.#stored(order) }]);
    fleet.takeUp(order);
    return true;
  }

  #restoreOrder(
    fleet: SharedMaintenance,
    key: string,
    { leftMs, reason, order }: { leftMs: number; reason: string; order: unknown },
  ): void {
    const { clock, journal } = this.#deps;
    const { keptUntil }: { readonly keptUntil?: unknown } = Object(order);
    const keptMs = typeof keptUntil === "number" ? keptUntil - clock.wallTime() : leftMs;
    const keepMs = Math.max(leftMs, keptMs);
    // without an order, it was stored before there was a fleet
    const fresh = { ...fleet.next({ scope: key, durationMs: leftMs, reason, member: fleet.member }), isEnd: false };
    const before = fleet.read({ ...fresh, ...Object(order), scope: key, leftMs, keepMs, reason });
    if (before === undefined || keepMs <= 0) return void journal?.put(TYPE, key, undefined);
    // wall clocks may have changed: a member that still has the order knows its times better
    fleet.takeUp({ ...before, number: Math.ceil(before.number) - 0.5 });
  }

  /** An order has changed: here, at another member, or it is forgotten. */
  #follow(key: string): void {
    const { journal, fleet, clock } = this.#deps;
    const order = fleet?.get(key);
    this.#apply(key);
    if (order === undefined) return void journal?.put(TYPE, key, undefined);
    const now = clock.now();
    const { endsAt, keptUntil, ...rest } = order;
    const [leftMs, keepMs] = [Math.max(0, endsAt - now), Math.max(0, keptUntil - now)];
    journal?.put(TYPE, key, this.#stored({ ...rest, leftMs, keepMs }));
  }

  /** Makes the table say what the order of a scope says. */
  #apply(key: string): void {
    const { clock, log, fleet } = this.#deps;
    const scope = scopeOf(key);
    const order = fleet?.get(key);
    const before = this.#applied.get(key);
    if (order === before || !this.#isKnown(scope)) return;
    const leftMs = (order?.endsAt ?? 0) - clock.now();
    if (order === undefined || leftMs <= 0) {
      this.#applied.delete(key);
      if (this.#table.delete(scope)) this.#logEnd(scope, `ended by an operator${at(fleet, order?.member)}`);
      return;
    }
    this.#applied.set(key, order);
    const { reason, member } = order;
    const since = clock.wallTime();
    const until = since + leftMs;
    this.#table.set(scope, { sinceMs: since, untilMs: until, reason });
    if (order.id !== before?.id)
      logBegin(log, scope, { durationMs: whole(leftMs), reason, until, by: at(fleet, member) });
  }

  #stored({ leftMs, keepMs, reason, scope: _, ...order }: MaintenanceOrder): object {
    const since = this.#deps.clock.wallTime();
    return { since, until: since + leftMs, reason, order: { ...order, keptUntil: since + keepMs } };
  }

  #isKnown(scope: Scope): boolean {
    return scope === "all" || this.#deps.isKnown(scope.service);
  }

  #logEnd(scope: Scope, why: string): void {
    const text = why === "is over" ? ` ${why}` : `: ${why}`;
    this.#deps.log.write("info", "maintenance-ended", `maintenance of ${nameOf(scope)}${text}`, fieldsOf(scope));
  }
}

function logBegin(
  log: Log,
  scope: Scope,
  { durationMs, reason, until, by = "" }: { durationMs: number; reason: string; until: number; by?: string },
): void {
  const why = reason === "" ? "" : `: ${reason}`;
  const message = `maintenance of ${nameOf(scope)} for ${formatDuration(durationMs)}${by}${why}; alerts are silent, statuses are not changed`;
  log.write("info", "maintenance", message, { ...fieldsOf(scope), until: new Date(until).toISOString() });
}

/** In whole seconds, if it is so long: a beat is on its way for a moment. */
function whole(ms: number): number {
  return ms < 1_000 ? ms : Math.round(ms / 1_000) * 1_000;
}

function at(fleet: SharedMaintenance | undefined, member: string | undefined): string {
  return member === undefined || member === fleet?.member ? "" : ` at ${member}`;
}

/** A key of the journal: a service cannot have the name `all` of every service. */
export function keyOf(scope: Scope): string {
  return scope === "all" ? "all" : `=${scope.service}`;
}

export function scopeOf(key: string): Scope {
  return key.startsWith("=") ? { service: key.slice(1) } : "all";
}

export function nameOf(scope: Scope): string {
  if (scope === "all") return "all services";
  return scope.service === OVERALL ? "the server as a whole" : `service ${JSON.stringify(scope.service)}`;
}

export function fieldsOf(scope: Scope): object {
  return scope === "all" ? {} : { service: scope.service };
}

/** A value of the journal, which another version may have written. */
export function readStored(value: unknown): {
  readonly since: number | undefined;
  readonly until: number | undefined;
  readonly reason: string;
  readonly order: unknown;
} {
  const stored: Readonly<Partial<Record<"since" | "until" | "reason" | "order", unknown>>> = Object(value);
  const { since, until, reason, order } = stored;
  const timeOf = (time: unknown) => (typeof time === "number" && Number.isFinite(time) ? time : undefined);
  return { since: timeOf(since), until: timeOf(until), reason: typeof reason === "string" ? reason : "", order };
}
