/**
 * The hooks of a daemon: what it does when a status changes, beside serving it.
 *
 *     registry --transitions-------------> webhooks
 *     operator --drains, maintenance-------^
 *     registry, probes, operator --------> recovery: runs programs
 *
 * The code of a hook is loaded when a configuration has one.
 */
import type { DaemonConfig } from "../config/daemon-config.js";
import { systemClock } from "../core/clock.js";
import type { Recovery } from "../hooks/recovery.js";
import type { RecoveryRule } from "../hooks/recovery-rules.js";
import type { Journal } from "../telemetry/journal.js";
import type { Health } from "./health.js";
import type { Operator } from "./operator.js";

/** What hooks need. */
export interface HooksDeps {
  readonly health: Health;
  readonly operator: Operator;
  /** Without a `stateDir`, what waits is lost at a restart. */
  readonly journal: Journal | undefined;
  /** Variables of this process: SSL_CERT_FILE and SSL_CERT_DIR, and those that programs get. */
  readonly environment: Readonly<Record<string, string | undefined>>;
}

export class Hooks {
  readonly #deps: HooksDeps;
  #recovery: Recovery | undefined;

  constructor(deps: HooksDeps) {
    this.#deps = deps;
  }

  /** Starts the hooks of a configuration, and ends those that it does not have. Cannot fail: the configuration is valid. */
  async apply(config: DaemonConfig): Promise<void> {
    await this.#applyRecovery(config);
  }

  /**
   * The shutdown begins: from now on nothing is observed. Resolves when programs that run have ended: within 10 s.
   */
  async close(): Promise<void> {
    await this.#recovery?.stop();
  }

  async #applyRecovery({ recovery: rules, isolation }: DaemonConfig): Promise<void> {
    if (this.#recovery !== undefined) this.#recovery.reload(rules, isolation !== undefined);
    else if (rules.length > 0) this.#recovery = await this.#openRecovery(rules);
  }

  async #openRecovery(rules: readonly RecoveryRule[]): Promise<Recovery> {
    const { health, operator, journal, environment } = this.#deps;
    const { Recovery } = await import("../hooks/recovery.js");
    const isInMaintenance = (service: string) =>
      (operator.maintenanceOf("all") ?? operator.maintenanceOf({ service })) !== undefined;
    const reader = health.parts.registry;
    return new Recovery(rules, { reader, clock: systemClock, journal, environment, isInMaintenance });
  }
}
