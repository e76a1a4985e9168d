/**
 * The two narrow handles on the registry: checks and the embedding application write, transports read.
 *
 * Nobody holds the whole object but the composition root, so a transport can't set a status by mistake and a check
 * can't count watchers.
 */
import type { Transition } from "../core/channels.js";
import type { Latest } from "../core/latest.js";
import type { ServingStatus, WatchStatus } from "../core/serving-status.js";

/** The status of a service, as it is published now. */
export interface ServiceStatus {
  readonly status: ServingStatus;
  /** SERVING, but a non-critical check fails or a check warns. Never true beside another status. */
  readonly degraded: boolean;
  /** A short code of why, where the writer gave one. */
  readonly reason: string | undefined;
  /** When it became so: wall time in milliseconds since 1970. */
  readonly since: number;
}

/** What a writer says of a service beside its status. */
export interface StatusDetails {
  readonly degraded?: boolean | undefined;
  readonly reason?: string | undefined;
}

/** What a check has found so far. */
export type CheckState = "pending" | "passing" | "warning" | "failing";

/** A check as people and JSON readers see it. It holds short codes only, never a target's own words. */
export interface CheckReport {
  readonly name: string;
  readonly state: CheckState;
  /** A failure makes the check's services NOT_SERVING; of a non-critical check it only marks them degraded. */
  readonly critical: boolean;
  readonly reason: string | undefined;
  /** It would be failing, but this prober seems cut off, so its last state is held for a while. */
  readonly held: boolean;
  /** Latency of the last probe, in milliseconds. */
  readonly latencyMs: number | undefined;
  /** When the last result came, in wall time. */
  readonly lastResultAt: number | undefined;
  /** When the state became what it is, in wall time. */
  readonly since: number;
  /** The services that it counts for, beside its own name. */
  readonly services: readonly string[];
}

/** The reading side. Every answer is an O(1) look-up or an iteration: asking never runs a check. */
export interface StatusReader {
  /** Tells the messages of this registry from another's in the same process. */
  readonly instance: string;
  readonly draining: boolean;
  /** Open watches. */
  readonly watcherCount: number;
  /** Grows with every change that a reader can see. While it is the same, every answer would be the same. */
  readonly version: number;
  /** Grows with every such change, except new measurements (latency, time) of a check whose state did not change. */
  readonly statusVersion: number;
  /** The published status of a service or view; `undefined` for a name that nobody declared. */
  read(service: string): ServiceStatus | undefined;
  /** The declared services. Views, and an overall status that nobody has set, are not among them. */
  services(): IterableIterator<[string, ServiceStatus]>;
  /** The checks, in the order in which they were first reported. */
  checks(): IterableIterator<CheckReport>;
  /** One check by its name. */
  check(name: string): CheckReport | undefined;
  /**
   * Puts the present status of `service` into the mailbox at once, and every later change.
   * Returns the way out; calling that twice does nothing.
   */
  watch(service: string, mailbox: Latest<WatchStatus>): () => void;
  /** Calls `listener` for each transition, in order. A listener that throws is reported and the others go on. */
  onTransition(listener: (transition: Transition) => void): () => void;
}

/** The writing side. */
export interface StatusWriter {
  readonly instance: string;
  /**
   * Declares a service or changes its status. Returns whether it is published now: while draining a write is held
   * back, and is published by `resume`.
   * @throws HealthTypeError INVALID_SERVICE_NAME or INVALID_STATUS; nothing is stored then.
   */
  set(service: string, status: ServingStatus, details?: StatusDetails): boolean;
  /** Takes a service away. Returns false when there was none, or while draining. */
  clear(service: string): boolean;
  /** Publishes the startup view: SERVING once every check has had its first result. */
  setStarted(started: boolean): void;
  /** Records what a check has found. */
  report(check: CheckReport): void;
  /** Forgets a check. */
  forget(checkName: string): void;
  /** Runs several writes. Listeners are called after the last one, so that they see the result and nothing in between. */
  inOneStep(writes: () => void): void;
  /** Calls `refresh` before each answer to a reader: the writer may write what has become true by the passing of time. */
  beforeReading(refresh: () => void): void;
}
