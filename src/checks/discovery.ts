/**
 * Services that a target names (the workers of a Celery cluster, for example). They appear, change and
 * disappear with the answers of the target, and are UNKNOWN while the check has no valid result.
 *
 * They are members of no other service: a worker that was scaled away must not make one NOT_SERVING. A service that a
 * check or a configuration makes is never changed by a target, also when the target named it first.
 */
import { serviceNameFault } from "../core/service-name.js";
import type { Discovered } from "../probers/prober.js";
import type { CheckState, StatusWriter } from "../registry/ports.js";

export class Discovery {
  readonly #writer: StatusWriter;
  readonly #isDeclared: (service: string) => boolean;
  readonly #services = new Map<string, ReadonlySet<string>>();

  /** @param isDeclared whether a check or a declared service has a name now */
  constructor(writer: StatusWriter, isDeclared: (service: string) => boolean) {
    this.#writer = writer;
    this.#isDeclared = isDeclared;
  }

  /** Publishes the services of a result, and clears those of the result before that are gone. */
  update(check: string, discovered: ReadonlyMap<string, Discovered>): void {
    const before = this.#servicesOf(check);
    const now = new Set([...discovered.keys()].filter((service) => this.#isFree(service, check)));
    this.#services.set(check, now);
    for (const service of before) if (!now.has(service)) this.#writer.clear(service);
    for (const [service, { outcome, reason }] of discovered)
      if (now.has(service)) this.#writer.set(service, outcome === "pass" ? "SERVING" : "NOT_SERVING", { reason });
  }

  /** Makes the services of a check UNKNOWN, unless its state is good. */
  invalidate(check: string, state: CheckState, reason: string | undefined): void {
    if (state === "passing" || state === "warning") return;
    for (const service of this.#servicesOf(check)) this.#writer.set(service, "UNKNOWN", { reason });
  }

  /** The check whose target names a service. */
  checkOf(service: string): string | undefined {
    if (this.#isDeclared(service)) return undefined;
    for (const [check, services] of this.#services) if (services.has(service)) return check;
    return undefined;
  }

  /** Clears the services of a check that was removed. */
  forget(check: string): void {
    for (const service of this.#servicesOf(check)) this.#writer.clear(service);
    this.#services.delete(check);
  }

  #servicesOf(check: string): readonly string[] {
    return [...(this.#services.get(check) ?? [])].filter((service) => !this.#isDeclared(service));
  }

  /** Whether a check may publish a service. Of two targets that name the same one, the first has it. */
  #isFree(service: string, check: string): boolean {
    if (service === "" || serviceNameFault(service) !== undefined || this.#isDeclared(service)) return false;
    const owner = this.checkOf(service);
    return owner === undefined || owner === check;
  }
}
