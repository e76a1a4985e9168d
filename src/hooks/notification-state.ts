/**
 * What one webhook tells, and when: pure, without timers and sockets.
 *
 *     observed differs from told --delay--> due --groupWait after the first--> message: every change that is due
 *        |                                   |
 *        '-- no longer: nothing is told      '-- silent (maintenance, a drain): asked again after RECHECK_MS
 *
 *     told as an outage --repeatInterval--> reminder, again and again until its end
 *
 * A service that was never told counts as SERVING: a first SERVING is no news. UNKNOWN is neither an outage nor its end:
 * it keeps what was told.
 */
import type { WatchStatus } from "../core/serving-status.js";
import type { Message, ToldChange, ToldStatus } from "./webhook-message.js";

/** When a webhook tells. Times are in milliseconds. */
export interface NotificationRules {
  readonly delayMs: number;
  readonly groupWaitMs: number;
  /** `undefined`: there are no reminders. */
  readonly repeatIntervalMs: number | undefined;
  /** Whether the end of an outage is told. */
  readonly sendResolved: boolean;
  /** Whether reminders have every outage that was told, also those of silent services and those that may be over. */
  readonly repeatsAll: boolean;
}

/** The status of a service, and the transition that it comes from. */
export interface Observation {
  readonly status: WatchStatus;
  readonly id: string;
  /** Wall time of the transition. */
  readonly at: number;
}

/** What is known about services at the moment when something is told. */
export interface OutageView {
  /** Whether a change to a status must not be told now. */
  isSilent(service: string, status: ToldStatus): boolean;
  explain(service: string): Pick<ToldChange, "reason" | "causes" | "severity">;
  /** The id of the next change of a service. Default: that of its transition. */
  idOf?(service: string, status: ToldStatus): string;
}

/** What has become due. */
export interface Due {
  /** `undefined`: there is nothing to send, because the ends of outages are not told. */
  readonly message: Message | undefined;
  /** The services whose told state has changed: to an outage, or (`undefined`) to none. */
  readonly told: readonly (readonly [service: string, outage: ToldChange | undefined])[];
}

/** Silent services are asked again this often. */
const RECHECK_MS = 10_000;

/** More changes come with the next message. */
const MAX_CHANGES = 1_000;

export class NotificationState {
  #rules: NotificationRules;
  readonly #view: OutageView;
  /** The outages that were told, and whose end was not. */
  readonly #told: Map<string, ToldChange>;
  readonly #observed = new Map<string, Observation>();
  /** The services whose status differs from what was told, with the monotonic time at which that is told. */
  readonly #differing = new Map<string, number>();
  /** At the earliest, a message is due then. It may be too early: a service may have stopped to differ. */
  #groupAt = Number.POSITIVE_INFINITY;
  readonly #silent = new Set<string>();
  #recheckAt = Number.POSITIVE_INFINITY;
  #remindAt = Number.POSITIVE_INFINITY;

  /** @param told what an earlier process has told; its reminder is due at `now` */
  constructor(rules: NotificationRules, view: OutageView, told: ReadonlyMap<string, ToldChange>, now: number) {
    this.#rules = rules;
    this.#view = view;
    this.#told = new Map(told);
    if (rules.repeatIntervalMs !== undefined) this.#remindAt = now;
  }

  /** Other rules from now on. Changes that wait already are told when the rules of before say. */
  setRules(rules: NotificationRules, now: number): void {
    this.#rules = rules;
    this.#setReminder(now);
  }

  /** The services that were told as failing. */
  get told(): ReadonlyMap<string, ToldChange> {
    return this.#told;
  }

  /** The monotonic time at which `take` may return something; infinity while nothing can become due. */
  get dueAt(): number {
    const remindAt = this.#told.size > 0 ? this.#remindAt : Number.POSITIVE_INFINITY;
    return Math.min(this.#groupAt, this.#recheckAt, remindAt);
  }

  observe(service: string, observation: Observation, now: number): void {
    this.#observed.set(service, observation);
    if (this.#differs(service)) {
      if (!this.#differing.has(service) && !this.#silent.has(service)) this.#setDue(service, now + this.#rules.delayMs);
      return;
    }
    this.#differing.delete(service);
    this.#silent.delete(service);
    if (observation.status === "SERVICE_UNKNOWN") this.#observed.delete(service);
  }

  /** Forgets the changes that wait of services that are no longer observed. An outage that was told needs an end. */
  retain(isObserved: (service: string) => boolean): void {
    for (const service of this.#observed.keys()) {
      if (isObserved(service) || this.#told.has(service)) continue;
      this.#observed.delete(service);
      this.#differing.delete(service);
      this.#silent.delete(service);
    }
  }

  /** What is due, as told from now on; `undefined` if nothing is. */
  take(now: number, wallTime: number): Due | undefined {
    if (now >= this.#recheckAt) this.#recheck(now);
    if (now >= this.#groupAt) {
      const due = this.#takeGroup(now, wallTime);
      if (due !== undefined) return due;
    }
    return now >= this.#remindAt ? this.#remind(now, wallTime) : undefined;
  }

  #differs(service: string): boolean {
    const status = this.#observed.get(service)?.status ?? "UNKNOWN";
    if (status === "UNKNOWN") return false;
    return (status === "NOT_SERVING") !== this.#told.has(service);
  }

  #setDue(service: string, dueAt: number): void {
    this.#differing.set(service, dueAt);
    this.#groupAt = Math.min(this.#groupAt, dueAt + this.#rules.groupWaitMs);
  }

  #recheck(now: number): void {
    const services = [...this.#silent];
    this.#silent.clear();
    this.#recheckAt = Number.POSITIVE_INFINITY;
    for (const service of services) {
      if (this.#isSilent(service)) this.#silence(service, now);
      else this.#setDue(service, now);
    }
  }

  #silence(service: string, now: number): void {
    this.#differing.delete(service);
    this.#silent.add(service);
    this.#recheckAt = Math.min(this.#recheckAt, now + RECHECK_MS);
  }

  #takeGroup(now: number, wallTime: number): Due | undefined {
    this.#groupAt = earliest(this.#differing.values()) + this.#rules.groupWaitMs;
    if (this.#groupAt > now) return undefined;
    const changes: ToldChange[] = [];
    for (const [service, dueAt] of this.#differing) {
      if (dueAt > now || changes.length === MAX_CHANGES) continue;
      if (this.#isSilent(service)) this.#silence(service, now);
      else changes.push(this.#change(service));
    }
    const told = changes.map((change) => this.#tell(change));
    this.#groupAt = earliest(this.#differing.values()) + this.#rules.groupWaitMs;
    if (changes.length === 0) return undefined;
    this.#setReminder(now);
    return {
      message: messageOf(
        changes.filter((change) => this.#isSent(change)),
        wallTime,
      ),
      told,
    };
  }

  #isSilent(service: string): boolean {
    const status = this.#observed.get(service)?.status;
    return status !== undefined && status !== "UNKNOWN" && this.#view.isSilent(service, status);
  }

  /** Notes a change as told. */
  #tell(change: ToldChange): readonly [string, ToldChange | undefined] {
    const { service, status } = change;
    this.#differing.delete(service);
    const outage = status === "NOT_SERVING" ? change : undefined;
    if (outage === undefined) this.#told.delete(service);
    else this.#told.set(service, outage);
    if (status === "SERVICE_UNKNOWN") this.#observed.delete(service);
    return [service, outage];
  }

  #isSent({ status }: ToldChange): boolean {
    return status === "NOT_SERVING" || this.#rules.sendResolved;
  }

  #change(service: string): ToldChange {
    const { status, id: ofTransition = "", at = 0 } = this.#observed.get(service) ?? {};
    const idOf = (told: ToldStatus) => this.#view.idOf?.(service, told) ?? ofTransition;
    const outage = this.#told.get(service);
    if (outage === undefined) {
      const id = idOf("NOT_SERVING");
      return { id, service, status: "NOT_SERVING", at, since: at, ...this.#view.explain(service) };
    }
    const { since, severity } = outage;
    const end = status === "SERVICE_UNKNOWN" ? status : "SERVING";
    return { id: idOf(end), service, status: end, at, since, severity, reason: undefined, causes: [] };
  }

  #setReminder(now: number): void {
    const { repeatIntervalMs } = this.#rules;
    this.#remindAt = repeatIntervalMs === undefined ? Number.POSITIVE_INFINITY : now + repeatIntervalMs;
  }

  #remind(now: number, wallTime: number): Due | undefined {
    this.#setReminder(now);
    const outages = [...this.#told.values()].filter((change) => this.#rules.repeatsAll || this.#isOpen(change));
    const [first] = outages;
    if (first === undefined) return undefined;
    const id = `${first.id}-reminder-${Math.floor(wallTime)}`;
    return { message: { id, kind: "reminder", at: wallTime, changes: outages, omitted: 0 }, told: [] };
  }

  /** Whether an outage that was told goes on. */
  #isOpen({ service, status }: ToldChange): boolean {
    return !this.#differs(service) && !this.#view.isSilent(service, status);
  }
}

function messageOf(changes: readonly ToldChange[], at: number): Message | undefined {
  const [first] = changes;
  return first && { id: first.id, kind: "change", at, changes, omitted: 0 };
}

/** The least of many times; infinity for none. `Math.min` takes no long list of arguments. */
function earliest(times: Iterable<number>): number {
  let least = Number.POSITIVE_INFINITY;
  for (const time of times) least = Math.min(least, time);
  return least;
}
