/**
 * The channels on which all rooms publish what happens: one table of names, on Node's diagnostics channels.
 *
 * Logs, metrics and history subscribe; no room knows who listens, and none is handed a logger. Two registries may
 * live in one process, so every message carries the `instance` that it comes from. Subscribers must not throw.
 * A publisher on a hot path asks `hasSubscribers` before it builds a message.
 */
import { type Channel, channel } from "node:diagnostics_channel";
import type { ServingStatus } from "./serving-status.js";

/** A change of a service's status or of a check's state, as the registry numbered it. */
export interface Transition {
  /** Rises by one with every transition of a registry; the first is 1. */
  readonly sequence: number;
  /** Wall time in milliseconds since 1970. */
  readonly at: number;
  readonly subject: "service" | "check";
  readonly name: string;
  readonly from: string;
  readonly to: string;
  readonly degraded: boolean;
  /** A short code such as `timeout` or `draining`; `undefined` where nobody gave one. */
  readonly reason: string | undefined;
}

/** What each channel carries, without the `instance` that every message has. */
export interface Messages {
  /** A status or a check state changed. */
  transition: Transition;
  /** A write came while draining: it is held back until `resume`. */
  "write-held": { readonly service: string; readonly status: ServingStatus | "cleared" };
  /** A listener of the application threw; the others were still called. */
  "listener-failed": { readonly error: unknown };
  /** One probe ended. `detail` may hold a target's own words: for logs only. */
  probe: {
    readonly check: string;
    readonly outcome: "pass" | "warn" | "fail";
    readonly reason: string | undefined;
    readonly detail: string | undefined;
    readonly latencyMs: number;
    /** How long after its due time the probe began. */
    readonly startLagMs: number;
    /** When the certificate that the target showed ends, in wall time. */
    readonly certificateEndsAt: number | undefined;
  };
  /** A prober could not look: says nothing about the target. */
  "prober-failed": { readonly check: string; readonly reason: string; readonly error: unknown };
  /** A result was thrown away, because our own event loop stood still while the probe ran. */
  "result-dropped": { readonly check: string; readonly stallMs: number };
  /** Our own event loop stood still. */
  stall: { readonly stallMs: number };
  /** So many checks are held at their last state, because this prober seems cut off; 0 when that is over. */
  isolation: { readonly held: number };
  /**
   * A gRPC call was answered; a Watch or a reflection stream has ended. `status-code` stands for the methods that answer by
   * their code alone.
   */
  call: { readonly method: "Check" | "Watch" | "List" | "status-code" | "Reflection"; readonly code: string };
  /** An HTTP request was answered. `route` is one of ours, never a client's words. */
  "http-request": { readonly route: string; readonly status: number };
  /** The configuration was read again. `error` tells why the old one goes on. */
  reload: { readonly error: unknown };
  /** A connection was refused or ended for a rule of ours. */
  "connection-ended": { readonly address: string; readonly rule: string };
  /** Something failed that has no caller to tell. */
  fault: { readonly where: string; readonly error: unknown };
}

/** A message with the id of the registry that it belongs to. */
export type Published<Name extends keyof Messages> = Messages[Name] & { readonly instance: string };

const table: { readonly [Name in keyof Messages]: Channel } = {
  transition: channel("healthbridge:transition"),
  "write-held": channel("healthbridge:write-held"),
  "listener-failed": channel("healthbridge:listener-failed"),
  probe: channel("healthbridge:probe"),
  "prober-failed": channel("healthbridge:prober-failed"),
  "result-dropped": channel("healthbridge:result-dropped"),
  stall: channel("healthbridge:stall"),
  isolation: channel("healthbridge:isolation"),
  call: channel("healthbridge:call"),
  "http-request": channel("healthbridge:http-request"),
  reload: channel("healthbridge:reload"),
  "connection-ended": channel("healthbridge:connection-ended"),
  fault: channel("healthbridge:fault"),
};

/**
 * Publishes a message of one instance; costs little more than a property read when nobody listens. It is handed on as it
 * is: a copy of it would cost more than all that a call of the health service does besides.
 */
export function publish<Name extends keyof Messages>(name: Name, message: Published<Name>): void {
  if (table[name].hasSubscribers) table[name].publish(message);
}

/** Calls `listener` for every message on a channel. Returns the way out. */
export function subscribe<Name extends keyof Messages>(
  name: Name,
  listener: (message: Published<Name>) => void,
): () => void {
  // only `publish` above writes to these channels, so a message has the channel's type
  const onMessage = (message: unknown) => listener(message as Published<Name>);
  table[name].subscribe(onMessage);
  return () => void table[name].unsubscribe(onMessage);
}
