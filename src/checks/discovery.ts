/**
 * Services that a target tells of (the workers of a Celery cluster, say): they appear, change and vanish with what it
 * tells, and are UNKNOWN while it tells nothing that counts.
 *
 * They count for nothing else: a worker that was scaled away must not take a service down.
 */
import { serviceNameFault } from "../core/service-name.js";
import type { Discovered } from "../probers/prober.js";
import type { CheckState, StatusWriter } from "../registry/ports.js";

export class Discovery {
  readonly #writer: StatusWriter;
  /** Whether a service is declared by somebody: it is not a target's to change. */
  readonly #isTaken: (service: string) => boolean;
  readonly #services = new Map<string, Set<string>>();

  constructor(writer: StatusWriter, isTaken: (service: string) => boolean) {
    this.#writer = writer;
    this.#isTaken = isTaken;
  }

  /** A check has a result that tells of services. */
  tell(check: string, discovered: ReadonlyMap<string, Discovered>): void {
    const before = this.#services.get(check) ?? new Set();
    const now = new Set([...discovered.keys()].filter((service) => this.#isOurs(service)));
    this.#services.set(check, now);
    for (const service of before) if (!now.has(service)) this.#writer.clear(service);
    for (const [service, { outcome, reason }] of discovered)
      if (now.has(service)) this.#writer.set(service, outcome === "pass" ? "SERVING" : "NOT_SERVING", { reason });
  }

  /** A check has come to a state in which it can tell nothing. */
  lose(check: string, state: CheckState, reason: string | undefined): void {
    if (state === "passing" || state === "warning") return;
    for (const service of this.#services.get(check) ?? []) this.#writer.set(service, "UNKNOWN", { reason });
  }

  /** A check is gone. */
  forget(check: string): void {
    for (const service of this.#services.get(check) ?? []) this.#writer.clear(service);
    this.#services.delete(check);
  }

  #isOurs(service: string): boolean {
    return service !== "" && serviceNameFault(service) === undefined && !this.#isTaken(service);
  }
}
