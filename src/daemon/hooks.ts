/**
 * The hooks of a daemon: what it does when a status changes, beside serving it.
 *
 *     registry --transitions-------------> webhooks
 *     operator --drains, maintenance-------^
 *     registry, probes, operator --------> recovery: runs programs
 *
 * The code of a hook is loaded when a configuration has one.
 */
import { sampleOf } from "../checks/instance-template.js";
import { SystemAuthorities } from "../client/authorities.js";
import { Goodbyes } from "../client/goodbyes.js";
import { NameResolver } from "../client/resolver.js";
import { createReadBuffer } from "../client/target-socket.js";
import type { DaemonConfig } from "../config/daemon-config.js";
import { systemClock } from "../core/clock.js";
import type { TellingFleet } from "../hooks/fleet-webhook.js";
import type { Recovery } from "../hooks/recovery.js";
import type { RecoveryGate } from "../hooks/recovery-evidence.js";
import type { RecoveryRule } from "../hooks/recovery-rules.js";
import type { Webhooks } from "../hooks/webhooks.js";
import type { ProberDeps } from "../probers/options.js";
import type { Journal } from "../telemetry/journal.js";
import type { Health } from "./health.js";
import type { Operator } from "./operator.js";

/** What hooks ask of a fleet. */
export interface HooksFleet {
  readonly telling: TellingFleet;
  readonly gate: RecoveryGate;
}

/** The daemon, of which hooks observe the statuses and what operators do. */
export interface HooksDeps {
  readonly health: Health;
  readonly operator: Operator;
  /** Without a `stateDir`, what waits is lost at a restart. */
  readonly journal: Journal | undefined;
  /** With a fleet: one member sends, and one restarts. */
  readonly fleet?: HooksFleet | undefined;
  /** Variables of this process: SSL_CERT_FILE and SSL_CERT_DIR, and those that programs get. */
  readonly environment: Readonly<Record<string, string | undefined>>;
}

/** Receivers whose names are looked up, or that are tried at several addresses, at the same time. */
const MAX_LOOKUPS = 4;

export class Hooks {
  readonly #deps: HooksDeps;
  #recovery: Recovery | undefined;
  #webhooks: Webhooks | undefined;
  #isClosed = false;

  constructor(deps: HooksDeps) {
    this.#deps = deps;
  }

  /** Runs the hooks of a configuration, and no others. Cannot fail: the configuration is valid. */
  async apply(config: DaemonConfig): Promise<void> {
    const { webhooks, recovery, isolation } = config;
    const ofWebhooks = webhooks.length > 0 ? await import("../hooks/webhooks.js") : undefined;
    const ofRecovery = recovery.length > 0 ? await import("../hooks/recovery.js") : undefined;
    if (this.#isClosed) return; // the shutdown began before
    this.#webhooks ??= ofWebhooks && this.#openWebhooks(ofWebhooks);
    const services = [...config.services, ...config.templates.map((template) => sampleOf(template).service)];
    this.#webhooks?.apply({ ...config, services }, this.#connectDeps(config));
    if (this.#recovery !== undefined) this.#recovery.reload(recovery, isolation !== undefined);
    else if (ofRecovery !== undefined) this.#recovery = this.#openRecovery(ofRecovery, recovery);
  }

  /** How far the deliveries of all webhooks are. */
  get webhooks(): ReturnType<Webhooks["reports"]> {
    return this.#webhooks?.reports() ?? [];
  }

  /** Of the services that a recovery remembers. */
  get recovery(): ReturnType<Recovery["reports"]> {
    return this.#recovery?.reports() ?? [];
  }

  /**
   * The shutdown begins: from now on nothing is observed. Resolves when what is sent has ended, within 2 s, and the programs
   * that run, within 10 s.
   */
  async close(): Promise<void> {
    this.#isClosed = true;
    await Promise.all([this.#webhooks?.close(), this.#recovery?.stop()]);
  }

  #openRecovery({ Recovery }: typeof import("../hooks/recovery.js"), rules: readonly RecoveryRule[]): Recovery {
    const { health, operator, journal, environment, fleet } = this.#deps;
    const isInMaintenance = (service: string) => operator.isInMaintenance(service);
    const reader = health.parts.registry;
    return new Recovery(rules, {
      reader,
      clock: systemClock,
      journal,
      environment,
      isInMaintenance,
      gate: fleet?.gate,
    });
  }

  #openWebhooks({ Webhooks }: typeof import("../hooks/webhooks.js")): Webhooks | undefined {
    const { health, operator, journal, fleet } = this.#deps;
    const { registry, history } = health.parts;
    if (history === undefined) return undefined; // `startDaemon` asks for one
    return new Webhooks({
      registry,
      transitions: history.transitions,
      isInMaintenance: (service) => operator.isInMaintenance(service),
      journal,
      fleet: fleet?.telling,
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
