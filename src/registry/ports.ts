/**
 * The two narrow interfaces of the registry: checks and the embedding application write, transports read.
 *
 * Only the composition root has the whole object. So a transport cannot set a status, and a check cannot count watchers.
 */
import type { Latest } from "../core/latest.js";
import type { ServingStatus, WatchStatus } from "../core/serving-status.js";
import type { StoreFault } from "../core/store-faults.js";

/** The reason of every service while the thread that writes the statuses shows no sign of life. */
export const STALLED = "stalled";

/** The status of a service, as it is published now. */
export interface ServiceStatus {
  readonly status: ServingStatus;
  /** SERVING, but a non-critical check fails or a check warns. Never true beside another status. */
  readonly degraded: boolean;
  /** A short code for the cause; `undefined` when the writer gave none. */
  readonly reason: string | undefined;
  /** Time of the last change: wall time in milliseconds since 1970. */
  readonly since: number;
}

/** Why the application is not ready: it has not called `started`, a task of `waitFor` runs, or one has failed. */
export type UnreadyReason = "starting" | "start-failed";

/** Details that a writer can give with a status. */
export interface StatusDetails {
  readonly degraded?: boolean | undefined;
  readonly reason?: string | undefined;
  /** The full text of the cause: for logs and listeners of transitions, never for clients. Cut after 300 characters. */
  readonly detail?: string | undefined;
}

/** The verdict of one check. */
export type CheckState = "pending" | "passing" | "warning" | "failing";

/** A service that the target of a check reports, such as a Celery worker. */
export interface ReportedService {
  readonly name: string;
  readonly status: ServingStatus;
  readonly reason: string | undefined;
}

/** A check as HTTP and JSON clients see it. It holds short codes only, no text of a target. */
export interface CheckReport {
  readonly name: string;
  readonly state: CheckState;
  /** True: a failure makes the services that it is a member of NOT_SERVING. False: it only marks them degraded. */
  readonly critical: boolean;
  /** False: a heartbeat that has never reported. It does not count for the services that it is a member of. */
  readonly counted: boolean;
  /** Whether the startup view waits for its first result. */
  readonly startup: boolean;
  readonly reason: string | undefined;
  /** The check would be failing, but its last state is held for a while: healthbridge itself seems to be isolated. */
  readonly held: boolean;
  /** An operator has drained it: it counts as failing, with any state. */
  readonly drained?: true | undefined;
  /** Latency of the last probe, in milliseconds. `undefined`: none, or the last result is a report (heartbeat). */
  readonly latencyMs: number | undefined;
  /** Wall time of the last result of the present target. */
  readonly lastResultAt: number | undefined;
  /** Wall time of the last change of `state`. */
  readonly since: number;
  /** The services that it is a member of, beside the service of its own name. */
  readonly services: readonly string[];
  /** The heading under which pages show it, if it has one of its own. */
  readonly group?: string | undefined;
  /** The services that its target reports, if it is of that kind. */
  readonly reported?: readonly ReportedService[] | undefined;
}

/** A process of a fleet, as this one sees it. Its name and its zone come from the store. */
export interface FleetMemberState {
  readonly member: string;
  readonly zone: string;
  /** `alive`, or why it is not. */
  readonly state: string;
  /** Checks that are assigned to it. */
  readonly checks: number;
  /** Whether its definitions of checks are those of this member. `undefined`: they are not known, or it is dead. */
  readonly sameConfig?: boolean | undefined;
}

/** What a member of a fleet shows of the fleet. */
export interface FleetState {
  readonly name: string;
  /** The store does not answer: the statuses follow from the probes of this member alone. */
  readonly detached: boolean;
  /** Why, while it is detached, if that is known. */
  readonly storeFault?: StoreFault | undefined;
  /** In the order of their names. Of more than 20, this member and those that are not alive. */
  readonly members: readonly FleetMemberState[];
  /** Members that are not listed. */
  readonly more: number;
}

/** Whether a member of a fleet is detached, and why. */
export type DetachedState = Pick<FleetState, "detached" | "storeFault">;

/** The reading side. Every answer is an O(1) lookup or an iteration: a reader never starts a probe. */
export interface StatusReader {
  /** Identifies this registry in the messages on the channels. */
  readonly instance: string;
  readonly draining: boolean;
  /** The services that an operator has drained one by one. Each is NOT_SERVING. */
  readonly drained: ReadonlySet<string>;
  /** Set while the application is not ready: `""` and `startup` are NOT_SERVING, whatever the checks report. */
  readonly unready: UnreadyReason | undefined;
  /** `undefined` without a fleet, and while it is not known. */
  readonly fleet: FleetState | undefined;
  /** Open watches. */
  readonly watcherCount: number;
  /** Grows with every change that a reader can see. While it is the same, every answer would be the same. */
  readonly version: number;
  /** Grows with every such change, except new measurements (latency, time) of a check whose state did not change. */
  readonly statusVersion: number;
  /**
   * The sequence of the last transition: what the reader shows follows from it. `undefined` while the reader covers stored
   * statuses with others (see `StatusMirror`).
   */
  readonly sequence: number | undefined;
  /** The published status of a service or view; `undefined` for an unknown name. */
  read(service: string): ServiceStatus | undefined;
  /** The declared services and the server as a whole, without the views. */
  services(): IterableIterator<[string, ServiceStatus]>;
  /** The checks, in the order of their first reports. */
  checks(): IterableIterator<CheckReport>;
  /** One check by its name. */
  check(name: string): CheckReport | undefined;
  /**
   * Puts the current status of `service` into `latest` at once, and then every change. Returns an unsubscribe function,
   * which may be called twice.
   */
  watch(service: string, latest: Latest<WatchStatus>): () => void;
  /**
   * Milliseconds since the last sign of life of the thread that writes the statuses, while that is too long and all of them
   * are NOT_SERVING because of it. `undefined` otherwise, and for a reader in the same thread.
   */
  readonly stalledMs: number | undefined;
}

/** The writing side. */
export interface StatusWriter {
  readonly instance: string;
  /**
   * Declares a service or changes its status. Returns whether it is published now: while draining, a write is held back
   * until `resume`.
   * @throws HealthTypeError INVALID_SERVICE_NAME or INVALID_STATUS; nothing is stored then
   */
  set(service: string, status: ServingStatus, details?: StatusDetails): boolean;
  /** Removes a service. Returns false when there was none, or while draining. */
  clear(service: string): boolean;
  /** Sets the startup view: SERVING when every check that counts for it has had its first result, else UNKNOWN. */
  setStarted(started: boolean): void;
  /** Stores the report of a check, in place of the one before. `detail` goes into the transition only. */
  report(check: CheckReport, detail?: string): void;
  /** The services that are drained from now on. */
  setDrained(services: ReadonlySet<string>): void;
  /** Removes the report of a check. */
  forget(checkName: string): void;
  /** Runs several writes. Listeners are called after the last one, so that they see the result and nothing in between. */
  batch<Result>(writes: () => Result): Result;
  /** Calls `refresh` before each read, so that the writer can first publish what depends on the time. */
  beforeReading(refresh: () => void): void;
}
