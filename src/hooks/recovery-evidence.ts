/**
 * What automatic recovery may believe: the statuses of the services, and the failing results that they follow from.
 *
 *     registry ---------------> status, reason, members --.
 *     channel probe ----------> last result of each check --+--> view: failedAt of each service, trustedSince
 *     isolation, stall, ... --> this prober is at fault  --'
 *
 * A status that follows from anything but results has no `failedAt`: a drain, a start, an initial state, a state that is
 * held or stale, or a check that flaps.
 */
import { type Published, subscribe } from "../core/channels.js";
import type { Clock } from "../core/clock.js";
import { REASONS, type ReasonCode } from "../core/reasons.js";
import { SELF_CHECK } from "../core/service-name.js";
import type { CheckReport, StatusReader } from "../registry/ports.js";
import type { RecoveryView, SeenService } from "./recovery-planner.js";

export interface RecoveryEvidenceDeps {
  readonly reader: StatusReader;
  readonly clock: Clock;
  /** Whether an operator has put the service, or all services, into maintenance. */
  readonly isInMaintenance: (service: string) => boolean;
  /** With a fleet: what this member may act on. Default: everything. */
  readonly gate?: RecoveryGate | undefined;
}

/** Of several members that see the same service, one restarts it. */
export interface RecoveryGate {
  /** Why nothing is restarted by this member now; `undefined`: it may. */
  refusal(): "detached" | "leaving" | undefined;
  /** Whether the failures of a check are a matter of this member. */
  owns(check: string): boolean;
  /** Takes the run for a service, for as long as no other member may take it. False: another one has it, or the store fails. */
  claim(service: string, ms: number): Promise<boolean>;
}

/** Reasons that no failing result of a target gives, or one that says UNKNOWN: nothing is restarted for them. */
const NO_EVIDENCE: ReadonlySet<ReasonCode> = new Set([
  ...(["unknown", "prober", "auth-server", "descriptors", "forbidden"] as const),
  ...(["prober-isolated", "stale", "pending", "initial", "changed"] as const),
]);

/** Failing results of Flower that have a list of workers all the same. */
const WITH_WORKERS: ReadonlySet<string | undefined> = new Set(["no-workers", "few-workers"]);

/** The last result of a check. */
interface LastResult {
  /** Monotonic time of the result. */
  readonly at: number;
  readonly isFailure: boolean;
  readonly reason: string | undefined;
}

export class RecoveryEvidence {
  readonly #deps: RecoveryEvidenceDeps;
  readonly #results = new Map<string, LastResult>();
  readonly #unsubscribes: readonly (() => void)[];
  /** Checks that the isolation rule holds. */
  #held = 0;
  #selfCheckFails = false;
  #trustedSince: number;

  constructor(deps: RecoveryEvidenceDeps) {
    this.#deps = deps;
    this.#trustedSince = deps.clock.now();
    const { instance } = deps.reader;
    this.#unsubscribes = [
      subscribe("probe", (probe) => void (probe.instance === instance && this.#onResult(probe))),
      subscribe("stall", (stall) => void (stall.instance === instance && this.distrust())),
      subscribe("isolation", (isolation) => {
        if (isolation.instance !== instance) return;
        this.#held = isolation.held;
        this.distrust();
      }),
    ];
  }

  /** Results of before now are not evidence: this process was blocked. */
  distrust(): void {
    this.#trustedSince = this.#deps.clock.now();
  }

  /** There is no self-check any more. */
  endSelfCheck(): void {
    this.#selfCheckFails = false;
  }

  /** All services, with the newest failing result of each. */
  view(): RecoveryView {
    const { reader, clock } = this.#deps;
    const failures = this.#failures();
    const isIsolated = this.#held > 0 || this.#selfCheckFails;
    const services = [...reader.services()].map(([name, { status, reason, since }]): SeenService => {
      const isFailure = status === "NOT_SERVING" && isEvidence(reason);
      const isOperated = reader.drained.has(name) || this.#deps.isInMaintenance(name);
      return { name, status, reason, since, failedAt: isFailure ? failures.get(name) : undefined, isOperated };
    });
    const refusal = this.#deps.gate?.refusal();
    return { now: clock.now(), trustedSince: isIsolated ? undefined : this.#trustedSince, refusal, services };
  }

  close(): void {
    for (const unsubscribe of this.#unsubscribes) unsubscribe();
  }

  #onResult({ check, outcome, reason }: Published<"probe">): void {
    const isFailure = outcome === "fail";
    if (check !== SELF_CHECK) {
      this.#results.set(check, { at: this.#deps.clock.now(), isFailure, reason });
      return;
    }
    if (this.#selfCheckFails !== isFailure) this.distrust();
    this.#selfCheckFails = isFailure;
  }

  /** For each service, the time of the newest failing result of a check that counts for it. */
  #failures(): ReadonlyMap<string, number> {
    const failures = new Map<string, number>();
    const note = (service: string, at: number) => failures.set(service, Math.max(at, failures.get(service) ?? at));
    const known = new Set<string>();
    for (const check of this.#deps.reader.checks()) {
      known.add(check.name);
      const result = this.#results.get(check.name);
      if (result === undefined || this.#deps.gate?.owns(check.name) === false) continue;
      for (const service of failingServices(check, result)) note(service, result.at);
    }
    for (const check of this.#results.keys()) if (!known.has(check)) this.#results.delete(check);
    return failures;
  }
}

function failingServices(check: CheckReport, { isFailure, reason }: LastResult): readonly string[] {
  const { name, state, held, services, reported = [] } = check;
  const own = isFailure && state === "failing" && !held ? [name, ...services] : [];
  // of a target that could not be asked, the reported services have statuses of before
  const isAnswered = !isFailure || WITH_WORKERS.has(reason);
  const workers = isAnswered ? reported.filter(({ status }) => status === "NOT_SERVING") : [];
  return [...own, ...workers.map((worker) => worker.name)];
}

function isEvidence(reason: string | undefined): boolean {
  // a table of its own: a reason such as `draining` or `flapping` is none of a target
  return reason !== undefined && isReason(reason) && !NO_EVIDENCE.has(reason);
}

function isReason(reason: string): reason is ReasonCode {
  return Object.hasOwn(REASONS, reason);
}
