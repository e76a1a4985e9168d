/**
 * A member of a fleet: connects the checks of this daemon with the fleet, and the fleet with its store.
 *
 *     checks --votes--> Fleet <--> store (Redis, Valkey, PostgreSQL)
 *            <--who probes, what is true--'
 *
 * This file and all that it loads are loaded only with `fleet` in the configuration.
 */
import type { ConfiguredCheck } from "../checks/checks-plan.js";
import type { CheckDeclaration, CheckSource } from "../checks/declarations.js";
import { definitionText } from "../checks/definition-text.js";
import { templateNameOf } from "../checks/instance-template.js";
import type { CompleteSettings } from "../checks/settings.js";
import { isOfOneMachine } from "../checks/sharing.js";
import type { Voting } from "../checks/voting.js";
import type { DaemonConfig } from "../config/daemon-config.js";
import type { FleetConfig, Sharing } from "../config/validate-fleet.js";
import { type Clock, systemClock } from "../core/clock.js";
import { version } from "../core/version.js";
import { Fleet } from "../fleet/fleet.js";
import type { FleetEvent } from "../fleet/fleet-deps.js";
import { Notifier } from "../fleet/notifier.js";
import type { FleetReadings, OwnerReading } from "../fleet/readings.js";
import { maintenanceOrderOf } from "../fleet/records/maintenance-form.js";
import type { Definition } from "../fleet/records/vote.js";
import { openStore } from "../fleet/store/open-store.js";
import type { FleetStore } from "../fleet/store/store.js";
import type { FleetState } from "../registry/ports.js";
import { Durations } from "../telemetry/counts.js";
import type { FleetMeasurements } from "../telemetry/fleet-metrics.js";
import type { Log } from "../telemetry/log.js";
import type { CheckVoter, PageFleet } from "../transports/http/page/fleet-view.js";
import type { HealthParts } from "./assembly.js";
import type { ControlFleet } from "./control-fleet.js";
import type { DaemonDeps } from "./daemon.js";
import { logConfigs, logFleet } from "./fleet-lines.js";
import { cut, FleetWatch, memberState, shownMembers } from "./fleet-state.js";
import type { HooksFleet } from "./hooks.js";
import type { SharedMaintenance } from "./maintenance-book.js";

export interface FleetMemberDeps {
  readonly parts: HealthParts;
  readonly log: Log;
  readonly clock: Clock;
  readonly random: () => number;
  readonly openStore: OpenStore;
}

/** Opens the store of a fleet. @throws HealthError MISSING_PACKAGE */
export type OpenStore = (config: FleetConfig, clock: Clock) => Promise<FleetStore>;

/** Of a check that no file describes: each member for itself. */
const OWN: Sharing = { scope: "local", copies: 1, agree: 1 };

/** Beside the drain delay: what a hand-over takes. */
const HAND_OVER_MS = 5_000;

const MS_PER_SECOND = 1_000;

export class FleetMember implements ControlFleet {
  readonly #fleet: Fleet;
  readonly #voting: Voting;
  readonly #leaveMs: number;
  readonly #propagation = new Durations();
  readonly #registry: HealthParts["registry"];
  readonly #notifier: Notifier;
  readonly #watch: FleetWatch;
  /** A check that has not changed has the same declaration. */
  #digests = new Map<CheckDeclaration, string>();
  #sharing: FleetConfig["sharing"];

  /**
   * Connects the checks, before there are any.
   * @throws HealthError MISSING_PACKAGE naming the package to install
   */
  static async open(config: FleetConfig, drainDelayMs: number, deps: FleetMemberDeps): Promise<FleetMember> {
    return new FleetMember(config, await deps.openStore(config, deps.clock), drainDelayMs, deps);
  }

  private constructor(config: FleetConfig, store: FleetStore, drainDelayMs: number, deps: FleetMemberDeps) {
    const { parts, log, clock, random } = deps;
    const { name: fleet, member, zone, secret, beatMs, leaseMs, settleMs, capacity, whenStoreIsGone } = config;
    this.#sharing = config.sharing;
    this.#leaveMs = drainDelayMs + HAND_OVER_MS;
    this.#voting = parts.checks.castVotes({
      onChecks: (checks) => this.#fleet.define({ [Symbol.iterator]: () => this.#definitionsOf(checks) }),
      cast: (check, vote, validUntil) => this.#fleet.vote(check, vote, validUntil),
    });
    const settings = {
      ...{ fleet, member, zone, secret, beatMs, leaseMs, settleMs, capacity, whenStoreIsGone },
      ...{ instance: parts.registry.instance, leaveMs: this.#leaveMs, version: version() },
    };
    const logEvent = logFleet(log, config);
    const onEvent = (event: FleetEvent) => {
      if (event.kind === "propagation") this.#propagation.observe(event.ms);
      logEvent(event);
      if (event.kind === "detached" || event.kind === "attached") this.#watch.look();
    };
    this.#fleet = new Fleet({ clock, random, store, settings, checks: this.#voting, onEvent });
    this.#registry = parts.registry;
    this.#notifier = new Notifier({
      ...{ clock, store, run: this.#fleet.run, fleet, secret, beatMs, leaseMs, choice: this.#fleet.notifier },
      published: () => this.#fleet.published(),
      isDetached: () => this.readings.isDetached,
      isLeaving: () => this.#isLeaving,
    });
    const logDiffering = logConfigs(log, fleet);
    const onState = (state: FleetState) => {
      logDiffering(state.members);
      parts.registry.setFleet(state);
      parts.bridge.events?.refresh();
    };
    this.#watch = new FleetWatch({ clock, beatMs, readings: this.readings, onState });
    parts.servers.fleet = this;
  }

  get readings(): FleetReadings {
    return this.#fleet.readings;
  }

  ask(member: string, isDraining: boolean): ReturnType<ControlFleet["ask"]> {
    return this.#fleet.orders.askInOrder(member, isDraining);
  }

  /** What operators declare, at whichever member. */
  get maintenance(): SharedMaintenance {
    const { orders } = this.#fleet;
    const { maintenance } = orders;
    return {
      member: this.readings.member,
      get scopes() {
        return maintenance.scopes;
      },
      get: (scope) => maintenance.get(scope),
      hasRoomFor: (scope) => maintenance.hasRoomFor(scope),
      next: (order) => maintenance.next(order),
      takeUp: (order) => void maintenance.merge([order]),
      read: maintenanceOrderOf,
      follow: (listener) => orders.followMaintenance(listener),
      catchUp: () => orders.catchUp(),
      tell: () => orders.tell(),
    };
  }

  start(): void {
    this.#fleet.start();
    this.#watch.start();
  }

  /** What a reload says of checks, before it is applied. Everything else of `fleet` needs a restart. */
  prepare({ fleet }: DaemonConfig): void {
    if (fleet !== undefined) this.#sharing = fleet.sharing;
  }

  /** The longest time that `leave` takes. */
  get leaveMs(): number {
    return this.#leaveMs;
  }

  /** Hands the checks over. They are probed here until it resolves. */
  leave(): Promise<void> {
    return this.#fleet.leave();
  }

  close(): Promise<void> {
    this.#notifier.close();
    this.#watch.close();
    return this.#fleet.close();
  }

  /** What the hooks ask: one member sends, and the first owner of a check restarts. */
  get hooks(): HooksFleet {
    const { readings } = this;
    return {
      telling: this.#notifier,
      gate: {
        refusal: () => (readings.isDetached ? "detached" : this.#isLeaving ? "leaving" : undefined),
        owns: (check) => this.#ownsFirst(check),
        claim: (service, ms) => this.#notifier.claim(`recovery:${service}`, ms),
      },
    };
  }

  #ownsFirst(check: string): boolean {
    const { scope, owners } = this.readings.owners(check) ?? {};
    return scope === "local" || owners?.find(({ isOwner }) => isOwner)?.run === this.#fleet.run;
  }

  /** Drains or ends: by this daemon, or as a member. */
  get #isLeaving(): boolean {
    return this.#registry.draining || this.readings.isLeaving;
  }

  members(): ReturnType<PageFleet["members"]> {
    const { readings } = this;
    const config = readings.members().find(({ isSelf }) => isSelf)?.config;
    return shownMembers(readings).map((each) => ({ ...memberState(each, config), beatAgeMs: each.beatAgeMs }));
  }

  /** While this member is detached, it decides alone. Of a heartbeat, the newest report decides. */
  voters(check: string): readonly CheckVoter[] | undefined {
    const { isDetached } = this.readings;
    const reading = this.readings.owners(check);
    const isReported = reading?.owners.some(({ hasNewestReport }) => hasNewestReport);
    const isCounted = ({ run, hasNewestReport }: OwnerReading) =>
      isReported ? hasNewestReport : !isDetached || run === this.#fleet.run;
    return reading?.owners
      .filter(isCounted)
      .map(({ member, isOwner, vote }) => ({ member: cut(member), isOwner: isOwner || isDetached, vote }));
  }

  get measurements(): FleetMeasurements {
    const { readings } = this;
    const { fleet, member, isDetached, isStoreUp, roles, dissents, takeovers, resyncs } = readings;
    const { refusedRecords, storeErrors, configDigests } = readings;
    const members = readings.members();
    return {
      ...{ fleet, member, zone: members.find(({ isSelf }) => isSelf)?.zone ?? "" },
      ...{ isDetached, isStoreUp, roles, dissents, takeovers, resyncs, refusedRecords, storeErrors, configDigests },
      members,
      propagation: this.#propagation,
    };
  }

  #digestOf(declaration: CheckDeclaration, settings: CompleteSettings): string {
    const known = this.#digests.get(declaration);
    if (known !== undefined) return known;
    const digest = this.#fleet.digestOf(definitionText(declaration, settings));
    this.#digests.set(declaration, digest);
    return digest;
  }

  /** One after the other: those of 100,000 checks take seconds. */
  *#definitionsOf(checks: readonly ConfiguredCheck[]): Generator<Definition, void> {
    // the declarations of before are let go. A WeakMap does that by itself, at a high price in each garbage collection
    const present = new Map<CheckDeclaration, string>();
    for (const check of checks) {
      const definition = this.#definitionOf(check);
      present.set(check.declaration, definition.digest);
      yield definition;
    }
    this.#digests = present;
  }

  /** Of the instances of a template, each may have an address that is another machine for each member. */
  #sharingOf(name: string, source: CheckSource): Sharing {
    const own = this.#sharing.get(name);
    if (own !== undefined) return own;
    const ofTemplate = this.#sharing.get(templateNameOf(name) ?? "") ?? OWN;
    return ofTemplate.scope === "shared" && isOfOneMachine(source) ? OWN : ofTemplate;
  }

  #definitionOf({ declaration, settings }: ConfiguredCheck): Definition {
    const { name, source } = declaration;
    const { scope, copies, agree } = this.#sharingOf(name, source);
    const isHeartbeat = source.kind === "heartbeat";
    return {
      check: name,
      digest: this.#digestOf(declaration, settings),
      ...{ scope, copies, agree, isHeartbeat },
      staleAfterMs: isHeartbeat ? settings.intervalMs : settings.staleAfterMs,
      rate: isHeartbeat ? 0 : MS_PER_SECOND / settings.intervalMs,
    };
  }
}

/** A call of the store settles within half a lease: then a beat can be tried again. */
const openStoreOf: OpenStore = ({ store, tls, name: fleet, leaseMs }, clock) =>
  openStore(store, { fleet, tls, deadlineMs: leaseMs / 2, clock });

/** The member of a daemon; `undefined` without `fleet`. */
export async function openFleet(
  config: DaemonConfig,
  parts: HealthParts,
  { log, openFleetStore = openStoreOf }: Pick<DaemonDeps, "log" | "openFleetStore">,
): Promise<FleetMember | undefined> {
  if (config.fleet === undefined) return undefined;
  const deps = { parts, log, clock: systemClock, random: Math.random, openStore: openFleetStore };
  return FleetMember.open(config.fleet, config.drainDelayMs, deps);
}
