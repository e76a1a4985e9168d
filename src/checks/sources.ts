/**
 * Opens the source of a check: a target, a program, a function or a heartbeat becomes a prober. Nothing is connected.
 */
import { SystemAuthorities } from "../client/authorities.js";
import { Goodbyes } from "../client/goodbyes.js";
import { NameResolver } from "../client/resolver.js";
import { createReadBuffer } from "../client/target-socket.js";
import type { Trace } from "../client/trace.js";
import { type Clock, type Random, systemClock } from "../core/clock.js";
import { HealthError } from "../core/health-error.js";
import { descriptorShares } from "../lifecycle/descriptor-shares.js";
import { BudgetedProber } from "../probers/budgeted-prober.js";
import { type ExecDeps, openExec, PROGRAM_DESCRIPTORS } from "../probers/exec.js";
import { openFunction } from "../probers/function.js";
import { type Heartbeat, openHeartbeat } from "../probers/heartbeat.js";
import { maskSecrets, maskTexts, secretsOfProgram } from "../probers/masked.js";
import type { ProberDeps, ProberOptions } from "../probers/options.js";
import type { Prober } from "../probers/prober.js";
import { MAX_PROGRAMS, ProgramGroups } from "../probers/program.js";
import { ResourceBudget } from "../probers/resource-budget.js";
import { openTarget } from "../probers/schemes.js";
import type { CheckTarget } from "./check-options.js";
import type { CheckSource } from "./declarations.js";

/** What sources are opened with. */
export interface SourceOpenerOptions {
  readonly clock: Clock;
  readonly random: Random;
  /** The environment, from which programs get a few variables, and SSL_CERT_FILE and SSL_CERT_DIR. Default none. */
  readonly environment?: Readonly<Record<string, string | undefined>> | undefined;
  /** Name servers to ask instead of the system's. */
  readonly nameServers?: readonly string[] | undefined;
  /** Receives each step of the probes. */
  readonly trace?: Trace | undefined;
}

/** A source that is open. */
export interface OpenedSource {
  readonly prober: Prober;
  /** The prober once more, where reports can be given to it. */
  readonly heartbeat: Heartbeat | undefined;
}

export class SourceOpener {
  readonly #options: SourceOpenerOptions;
  readonly #exec: ExecDeps;
  readonly #authorities: SystemAuthorities;
  readonly #shares = descriptorShares();
  readonly #descriptors = new ResourceBudget(this.#shares.probes);
  readonly goodbyes: Goodbyes;
  readonly #programs = new ResourceBudget(MAX_PROGRAMS);
  /** By whether link-local addresses are allowed: the cache of a resolver outlives the targets that use it. */
  readonly #targets = new Map<boolean, ProberDeps>();

  constructor(options: SourceOpenerOptions = { clock: systemClock, random: Math.random }) {
    this.#options = options;
    this.goodbyes = new Goodbyes(options.clock);
    this.#authorities = new SystemAuthorities(options.environment);
    this.#exec = { clock: options.clock, groups: new ProgramGroups(), environment: options.environment ?? {} };
  }

  /** @throws HealthError INVALID_TARGET, INVALID_OPTION, MISSING_PACKAGE */
  open(source: CheckSource, proberOptions: ProberOptions, allowLinkLocal: boolean): OpenedSource {
    if (source.kind !== "heartbeat")
      return { prober: this.#openProber(source, proberOptions, allowLinkLocal), heartbeat: undefined };
    const heartbeat = openHeartbeat();
    return { prober: heartbeat, heartbeat };
  }

  #openProber(
    source: Exclude<CheckSource, { kind: "heartbeat" }>,
    proberOptions: ProberOptions,
    allowLinkLocal: boolean,
  ): Prober {
    switch (source.kind) {
      case "target":
        return new BudgetedProber(
          maskSecrets(openTarget(source.url, this.#depsFor(allowLinkLocal), proberOptions), source.url, proberOptions),
          this.#descriptors,
        );
      case "exec":
        return this.#openExec(source.command, proberOptions);
      case "function":
        return openFunction(source.call);
      case "prober":
        return source.prober;
      default:
        return source satisfies never;
    }
  }

  /** A program waits for its turn first: descriptors that wait with it would be of no use to others. */
  #openExec(command: readonly string[], { expect }: ProberOptions): Prober {
    const program = maskTexts(openExec(command, this.#exec, expect), secretsOfProgram(command, this.#exec.environment));
    const prober = new BudgetedProber(program, this.#descriptors, PROGRAM_DESCRIPTORS);
    return new BudgetedProber(prober, this.#programs);
  }

  #depsFor(allowLinkLocal: boolean): ProberDeps {
    const known = this.#targets.get(allowLinkLocal);
    if (known !== undefined) return known;
    const { clock, random, nameServers, trace } = this.#options;
    const resolver = new NameResolver({
      clock,
      allowLinkLocal,
      servers: nameServers,
      maxLookups: this.#shares.lookups,
      maxAttempts: this.#shares.attempts,
      trace,
    });
    const readBuffer = createReadBuffer();
    const { goodbyes } = this;
    const deps = { clock, random, resolver, authorities: this.#authorities, readBuffer, goodbyes };
    this.#targets.set(allowLinkLocal, deps);
    return deps;
  }
}

/**
 * The source of a check of the library.
 * @throws HealthError INVALID_TARGET for a value of another type: callers may have no types
 */
export function sourceOf(target: CheckTarget): CheckSource {
  if (typeof target === "function") return { kind: "function", call: target };
  if (typeof target === "string") return { kind: "target", url: target };
  if (typeof target === "object" && target !== null) return { kind: "exec", command: target.exec };
  const text = `a target must be a URL, a function or { exec: [program, ...arguments] }; got ${String(target)}`;
  throw new HealthError("INVALID_TARGET", text);
}
