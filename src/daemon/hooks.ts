/**
 * The hooks of a daemon: what it does when a status changes, beside serving it.
 *
 *     registry --transitions-------------> webhooks
 *     operator --drains, maintenance-------^
 *
 * The code of a hook is loaded when a configuration has one.
 */
import { SystemAuthorities } from "../client/authorities.js";
import { Goodbyes } from "../client/goodbyes.js";
import { NameResolver } from "../client/resolver.js";
import { createReadBuffer } from "../client/target-socket.js";
import type { DaemonConfig } from "../config/daemon-config.js";
import { systemClock } from "../core/clock.js";
import type { Webhooks } from "../hooks/webhooks.js";
import type { ProberDeps } from "../probers/options.js";
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

/** Receivers whose names are looked up, or that are tried at several addresses, at the same time. */
const MAX_LOOKUPS = 4;

export class Hooks {
  readonly #deps: HooksDeps;
  #webhooks: Webhooks | undefined;

  constructor(deps: HooksDeps) {
    this.#deps = deps;
  }

  /** Runs the hooks of a configuration, and no others. Cannot fail: the configuration is valid. */
  async apply(config: DaemonConfig): Promise<void> {
    if (config.webhooks.length > 0) this.#webhooks ??= await this.#openWebhooks();
    this.#webhooks?.apply(config, this.#connectDeps(config));
  }

  /** The shutdown begins: from now on nothing is observed. Resolves when what is sent has ended, within 2 s. */
  async close(): Promise<void> {
    await this.#webhooks?.close();
  }

  async #openWebhooks(): Promise<Webhooks | undefined> {
    const { health, operator, journal } = this.#deps;
    const { registry, history } = health.parts;
    if (history === undefined) return undefined; // `startDaemon` asks for one
    const { Webhooks } = await import("../hooks/webhooks.js");
    return new Webhooks({
      registry,
      transitions: history.transitions,
      isInMaintenance: (scope) => operator.maintenanceOf(scope) !== undefined,
      journal,
    });
  }

  /** What receivers are connected with. Not that of the checks: a name server that hangs for targets must not delay an alarm. */
  #connectDeps({ allowLinkLocal }: DaemonConfig): ProberDeps {
    const limits = { maxLookups: MAX_LOOKUPS, maxAttempts: MAX_LOOKUPS };
    return {
      clock: systemClock,
      random: Math.random,
      resolver: new NameResolver({ clock: systemClock, allowLinkLocal, ...limits }),
      authorities: new SystemAuthorities(this.#deps.environment),
      readBuffer: createReadBuffer(),
      goodbyes: new Goodbyes(systemClock),
    };
  }
}
