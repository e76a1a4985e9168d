/**
 * What the registry showed at one instant, as much of it as the answer to a view or a service needs.
 *
 * A large answer is rendered over several turns of the event loop while statuses change. Its code and its body are both
 * made from one snapshot, so they never contradict each other.
 */
import { OVERALL } from "../../core/service-name.js";
import type { CheckReport, DetachedState, ServiceStatus, StatusReader, UnreadyReason } from "../../registry/ports.js";

/** What a check must have for a view to pass: a good state, or any result at all. */
export type Criterion = "state" | "result";

/** Whether a check meets a criterion. */
export function passes(check: CheckReport, criterion: Criterion): boolean {
  if (criterion === "result") return check.lastResultAt !== undefined;
  return check.drained !== true && (check.state === "passing" || check.state === "warning");
}

/** Whether a view waits for a check to meet a criterion. */
function isNeeded(check: CheckReport, criterion: Criterion): boolean {
  return criterion === "result" ? check.startup : (check.counted || check.drained === true) && check.critical;
}

/** The checks that do not meet a criterion. */
interface Failing {
  readonly byName: ReadonlyMap<string, CheckReport>;
  readonly neededCount: number;
}

/** Every check at one instant. */
export class CheckList {
  readonly all: readonly CheckReport[];
  readonly #failing = new Map<Criterion, Failing>();
  #indexes: ReadonlyMap<string, number> | undefined;
  #byService: ReadonlyMap<string, readonly CheckReport[]> | undefined;

  constructor(checks: Iterable<CheckReport>) {
    this.all = [...checks];
  }

  /** The checks and the services that their targets report. */
  get entryCount(): number {
    return this.all.reduce((sum, { reported }) => sum + 1 + (reported?.length ?? 0), 0);
  }

  /** The position of a check in `all`; `undefined` when there is none of the name. */
  indexOf(name: string): number | undefined {
    this.#indexes ??= new Map(this.all.map((check, index) => [check.name, index]));
    return this.#indexes.get(name);
  }

  /** The checks that count for a service: every check for the server as a whole. O(answer) after the first call. */
  of(service: string): CheckList {
    if (service === OVERALL || service === "readiness") return this;
    this.#byService ??= byService(this.all);
    return new CheckList(this.#byService.get(service) ?? []);
  }

  /**
   * Whether the excluded checks are the only needed ones that do not meet a criterion, and one of them does not. Of other
   * checks, at least one must have a state, if there are any. O(excluded) after the first call.
   */
  passesWithout(excluded: Iterable<string>, criterion: Criterion): boolean {
    const { byName, neededCount } = this.#failingOf(criterion);
    const names = new Set(excluded);
    let [found, needed] = [0, 0];
    for (const name of names) {
      const check = byName.get(name);
      if (check === undefined) continue;
      found += 1;
      if (isNeeded(check, criterion)) needed += 1;
    }
    if (found === 0 || needed < neededCount) return false;
    return criterion === "result" || this.#isDecidedWithout(names);
  }

  /** Without any check that is decided, a service is UNKNOWN. It may have no other checks at all. */
  #isDecidedWithout(excluded: ReadonlySet<string>): boolean {
    let isEmpty = true;
    for (const { name, state, counted } of this.all) {
      if (!counted || excluded.has(name)) continue;
      if (state !== "pending") return true;
      isEmpty = false;
    }
    return isEmpty;
  }

  #failingOf(criterion: Criterion): Failing {
    const known = this.#failing.get(criterion);
    if (known !== undefined) return known;
    const checks = this.all.filter((check) => !passes(check, criterion));
    const failing: Failing = {
      byName: new Map(checks.map((check) => [check.name, check])),
      neededCount: checks.filter((check) => isNeeded(check, criterion)).length,
    };
    this.#failing.set(criterion, failing);
    return failing;
  }
}

/** The checks by the services that they are members of, and by their own names. */
function byService(checks: readonly CheckReport[]): ReadonlyMap<string, readonly CheckReport[]> {
  const lists = new Map<string, CheckReport[]>();
  for (const check of checks)
    for (const service of new Set([check.name, ...check.services])) {
      const list = lists.get(service);
      if (list === undefined) lists.set(service, [check]);
      else list.push(check);
    }
  return lists;
}

/** The status of a service or view, with what is listed beside it. */
export interface Snapshot {
  readonly draining: boolean;
  /** Whether an operator has drained a check or a service. */
  readonly hasDrained: boolean;
  /** See `StatusReader`; `undefined` for a service that it does not hold. */
  readonly unready: UnreadyReason | undefined;
  /** See `StatusReader`. */
  readonly stalledMs: number | undefined;
  /** Of a member of a fleet whose store is of no use. */
  readonly detachment: DetachedState | undefined;
  /** See `StatusReader`. */
  readonly sequence: number | undefined;
  /** `undefined` when the service is not declared. */
  readonly status: ServiceStatus | undefined;
  readonly checks: CheckList;
  readonly services: readonly (readonly [string, ServiceStatus])[];
}

/** What the registry lists, between two changes. */
interface Lists {
  readonly version: number;
  checks?: CheckList;
  services?: Snapshot["services"];
}

/** Takes snapshots. All snapshots between two changes share their lists. */
export class Snapshots {
  readonly #reader: StatusReader;
  readonly #noChecks = new CheckList([]);
  #lists: Lists = { version: -1 };

  constructor(reader: StatusReader) {
    this.#reader = reader;
  }

  /** A service or view alone. */
  of(service: string): Snapshot {
    const { draining, drained, unready, stalledMs, sequence, fleet } = this.#reader;
    return {
      draining,
      sequence,
      hasDrained: drained.size > 0,
      unready: service === OVERALL || service === "startup" ? unready : undefined,
      stalledMs,
      detachment: fleet?.detached === true ? fleet : undefined,
      status: this.#reader.read(service),
      checks: this.#noChecks,
      services: [],
    };
  }

  /** A service or view with every check. */
  withChecks(service: string): Snapshot {
    const lists = this.#currentLists();
    lists.checks ??= new CheckList(this.#reader.checks());
    return { ...this.of(service), checks: lists.checks };
  }

  /** A service with the checks that count for it. */
  withItsChecks(service: string): Snapshot {
    const { checks, ...rest } = this.withChecks(service);
    return { ...rest, checks: checks.of(service) };
  }

  /** The server as a whole with every declared service. */
  withServices(): Snapshot {
    const lists = this.#currentLists();
    lists.services ??= [...this.#reader.services()];
    return { ...this.of(OVERALL), services: lists.services };
  }

  /** The server as a whole with every declared service and every check. */
  withAll(): Snapshot {
    const { checks } = this.withChecks(OVERALL);
    return { ...this.withServices(), checks };
  }

  #currentLists(): Lists {
    const { version } = this.#reader;
    if (version !== this.#lists.version) this.#lists = { version };
    return this.#lists;
  }
}
