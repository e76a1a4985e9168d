/**
 * What is known about the services of a registry when a hook has to act: why one fails, and whether it is silent.
 *
 *     silent     all services: a drain or a maintenance of all
 *                a service: drained or in maintenance by its name; a check that is a member of such a service; or a
 *                service that fails only because of such checks
 *
 * These are the rules of the alerts (docs/metrics.md).
 */
import type { CheckReport, StatusReader } from "../registry/ports.js";
import type { OutageView } from "./notification-state.js";
import type { Cause, ToldChange, ToldStatus } from "./webhook-message.js";

/** Whether an operator has declared a maintenance, of a service or of all. */
export type AskMaintenance = (scope: { readonly service: string } | "all") => boolean;

/** Failing checks that are named as the cause of one outage. */
const MAX_CAUSES = 5;

export class RegistryView implements OutageView {
  readonly #reader: StatusReader;
  readonly #isInMaintenance: AskMaintenance;
  /** The failing checks, at a version of the registry: many services are asked about in one step. */
  #failing: { readonly version: number; readonly checks: readonly CheckReport[] } = { version: -1, checks: [] };

  constructor(reader: StatusReader, isInMaintenance: AskMaintenance) {
    this.#reader = reader;
    this.#isInMaintenance = isInMaintenance;
  }

  isSilent(service: string, status: ToldStatus): boolean {
    switch (status) {
      case "SERVING":
        return false;
      case "SERVICE_UNKNOWN":
        // a target that reports services may not have been asked yet
        return this.#reader.read("startup")?.status !== "SERVING";
      case "NOT_SERVING":
        return this.#isOutageSilent(service);
      default:
        return status satisfies never;
    }
  }

  explain(service: string): Pick<ToldChange, "reason" | "causes" | "severity"> {
    const { reason } = this.#reader.read(service) ?? {};
    const causes = this.#causesOf(service).slice(0, MAX_CAUSES);
    const severity = this.#reader.check(service)?.critical === false ? "warning" : "critical";
    return { reason, causes: causes.map(({ name, reason: why }): Cause => ({ check: name, reason: why })), severity };
  }

  #isOutageSilent(service: string): boolean {
    if (this.#reader.draining || this.#isInMaintenance("all") || this.#isOff(service)) return true;
    const check = this.#reader.check(service);
    if (check !== undefined) return check.services.some((each) => this.#isOff(each));
    const causes = this.#causesOf(service);
    if (causes.length === 0) return this.#reader.read(service)?.reason === "drained";
    return causes.every(({ name, services }) => [name, ...services].some((each) => this.#isOff(each)));
  }

  /** Whether an operator has drained the service, or declared a maintenance of it. */
  #isOff(service: string): boolean {
    return this.#reader.drained.has(service) || this.#isInMaintenance({ service });
  }

  /** The checks that make a service fail. A check of that name is its own cause, and has none. */
  #causesOf(service: string): readonly CheckReport[] {
    if (this.#reader.check(service) !== undefined) return [];
    const failing = this.#failingChecks();
    return service === "" ? failing : failing.filter(({ services }) => services.includes(service));
  }

  #failingChecks(): readonly CheckReport[] {
    const version = this.#reader.statusVersion;
    if (this.#failing.version !== version) {
      const checks = [...this.#reader.checks()].filter(({ state, critical }) => state === "failing" && critical);
      this.#failing = { version, checks };
    }
    return this.#failing.checks;
  }
}
