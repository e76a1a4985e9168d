/**
 * Collects what changes in a registry, and gives it to a listener thread.
 *
 *     change --> noted by its name --+-- a status has changed: sent when the outermost write is complete, so that it
 *                                    |   arrives even if this thread is blocked from then on
 *                                    '-- else: sent within 5 ms, many changes in one patch
 *
 * A name that changes again before it is sent is sent once, with its newest value. At most `MAX_IN_FLIGHT` patches wait in
 * the other thread; above that, changes are only noted. So what waits is bounded by the number of names.
 */
import type { CheckEngine } from "../../checks/check-engine.js";
import { type AgeOwner, ageKey } from "../../checks/freshness.js";
import type { ServiceDeclaration } from "../../checks/service-graph.js";
import type { Transition } from "../../core/channels.js";
import type { CancelTimer, Clock } from "../../core/clock.js";
import { OVERALL } from "../../core/service-name.js";
import type { ChangeObserver, StatusChange } from "../../registry/changes.js";
import type { FleetState } from "../../registry/ports.js";
import type { Registry } from "../../registry/registry.js";
import type { TransitionHistory } from "../../telemetry/history/transition-history.js";
import { processTime, type RelayedEvent, type StatusPatch } from "./messages.js";

/** A change waits at most for this time, in milliseconds, if it does not change a status. */
const FLUSH_MS = 5;

const MAX_IN_FLIGHT = 64;

/** Transitions that wait for a thread that is blocked. Of more, the oldest are dropped: its clients get a snapshot. */
const MAX_TRANSITIONS = 1_000;

/** What the feed reads from. */
export interface StatusFeedDeps {
  readonly clock: Clock;
  readonly registry: Registry;
  readonly checks: CheckEngine;
  /** Takes the events for the metrics of the other thread, and forgets them. */
  readonly takeEvents: () => readonly RelayedEvent[];
  /** `undefined`: the other thread does not serve `/events`, and needs no transitions. */
  readonly history?: TransitionHistory | undefined;
}

/** Takes the patches to the listener thread. */
export interface StatusSink {
  send(patch: StatusPatch): void;
  /** The sequence of the last patch that was applied, modulo 2^32. */
  readonly applied: number;
}

export class StatusFeed implements ChangeObserver {
  readonly #deps: StatusFeedDeps;
  readonly #services = new Set<string>();
  readonly #checks = new Set<string>();
  readonly #ages = new Map<string, { readonly owner: AgeOwner; readonly staleAt: number | undefined }>();
  readonly #unsubscribes: readonly (() => void)[];
  #transitions: Transition[] = [];
  #hasStatus = false;
  #isDirty = false;
  #declared: readonly ServiceDeclaration[] | undefined;
  #drained: ReadonlySet<string> | undefined;
  #fleet: FleetState | undefined;
  #sequence = 0;
  #sink: StatusSink | undefined;
  #cancelFlush: CancelTimer | undefined;

  constructor(deps: StatusFeedDeps) {
    this.#deps = deps;
    const { registry, checks } = deps;
    this.#unsubscribes = [
      registry.changes.observe(this),
      ...(deps.history ? [registry.onTransition((transition) => this.#noteTransition(transition))] : []),
      checks.deps.freshness.observe((owner, staleAt) => {
        this.#ages.set(ageKey(owner), { owner, staleAt });
        this.#note();
      }),
    ];
  }

  /** Everything that has a status now. From then on, changes go to `sink`. */
  start(sink: StatusSink): StatusPatch {
    const { registry } = this.#deps;
    for (const name of [OVERALL, "liveness", "startup"]) this.#services.add(name);
    for (const [name] of registry.services()) this.#services.add(name);
    for (const { name } of registry.checks()) this.#checks.add(name);
    const all = this.#take();
    this.#sink = sink;
    return all;
  }

  /** Follows the registry no more. */
  close(): void {
    this.#cancelFlush?.();
    this.#sink = undefined;
    for (const unsubscribe of this.#unsubscribes) unsubscribe();
  }

  onChange(change: StatusChange): void {
    switch (change.subject) {
      case "service":
        this.#services.add(change.name);
        break;
      case "check":
        this.#checks.add(change.name);
        break;
      case "drain":
      case "fleet":
        break;
      default:
        change satisfies never;
    }
    if (change.subject !== "check" || change.isMeasurement !== true) this.#hasStatus = true;
    this.#note();
  }

  onWritten(): void {
    this.#flush();
  }

  /** An event for the other thread's metrics waits. */
  noteEvent(): void {
    this.#note();
  }

  /** Sends what waits, also if many patches have not been applied yet: before a step of a shutdown. */
  flush(): void {
    if (this.#isDirty && this.#sink !== undefined) this.#sink.send(this.#take());
  }

  #noteTransition(transition: Transition): void {
    this.#transitions.push(transition);
    if (this.#transitions.length > 2 * MAX_TRANSITIONS) this.#transitions.splice(0, MAX_TRANSITIONS);
    this.#note();
  }

  #note(): void {
    this.#isDirty = true;
    this.#schedule();
  }

  #schedule(): void {
    if (this.#sink === undefined || this.#cancelFlush !== undefined) return;
    this.#cancelFlush = this.#deps.clock.setTimer(FLUSH_MS, () => {
      this.#cancelFlush = undefined;
      this.#flush();
    });
  }

  #flush(): void {
    if (!this.#isDirty || this.#sink === undefined) return;
    const inFlight = (this.#sequence - this.#sink.applied) >>> 0;
    if (inFlight < MAX_IN_FLIGHT) this.#sink.send(this.#take());
    else this.#schedule();
  }

  #take(): StatusPatch {
    const { registry, checks, clock, takeEvents } = this.#deps;
    const now = clock.now();
    const declared = checks.publisher.declared;
    this.#sequence += 1;
    const patch: StatusPatch = {
      sequence: this.#sequence,
      hasStatus: this.#hasStatus,
      services: [...this.#services].map((name) => [name, registry.entry(name)]),
      checks: [...this.#checks].map((name) => [name, registry.storedReport(name)]),
      takenAt: processTime(),
      ages: [...this.#ages.values()].map(({ owner, staleAt }) => [
        owner,
        staleAt === undefined ? undefined : staleAt - now,
      ]),
      draining: registry.draining,
      unready: registry.unready,
      drained: registry.drained === this.#drained ? undefined : registry.drained,
      fleet: registry.fleet === this.#fleet ? undefined : registry.fleet,
      declared: declared === this.#declared ? undefined : declared.map(plainDeclaration),
      events: takeEvents(),
      transitions: this.#transitions,
      lastTransition: registry.sequence,
    };
    this.#transitions = [];
    this.#declared = declared;
    this.#drained = registry.drained;
    this.#fleet = registry.fleet;
    this.#isDirty = false;
    this.#hasStatus = false;
    for (const noted of [this.#services, this.#checks, this.#ages]) noted.clear();
    return patch;
  }
}

/** The fields that are validated alone: the application may have others beside them, which cannot cross to a thread. */
function plainDeclaration({ name, policy, members }: ServiceDeclaration): ServiceDeclaration {
  const { kind } = policy;
  return { name, policy: kind === "quorum" ? { kind, count: policy.count } : { kind }, members: [...members] };
}
