/**
 * The channels on which all rooms publish events: one table of names, on Node's diagnostics channels.
 *
 * Logs, metrics and history subscribe. The publishing code does not depend on the subscribers, and gets no logger. A
 * process may have several registries, so every message carries the `instance` that it comes from.
 */
import { type Channel, channel } from "node:diagnostics_channel";
import type { ServingStatus } from "./serving-status.js";

/** A change of a service's status or of a check's state. */
export interface Transition {
  /** 1 for the first transition of a registry; each transition adds 1. */
  readonly sequence: number;
  /** Wall time in milliseconds since 1970. */
  readonly at: number;
  readonly subject: "service" | "check";
  readonly name: string;
  readonly from: string;
  readonly to: string;
  readonly degraded: boolean;
  /** A short code such as `timeout` or `draining`; `undefined` when the writer gave none. */
  readonly reason: string | undefined;
  /**
   * The full text of the cause, at most 300 characters: of the result that changed the check, or what the writer gave. It
   * may hold text of a target, without its credentials. It is for logs and listeners, and never shown to clients.
   */
  readonly detail: string | undefined;
}

/** How the run of a recovery program has ended. `timeout`: it was killed. `not-started`: the system refused to start it. */
export type RecoveryOutcome = "success" | "failure" | "timeout" | "not-started";

/** Why a recovery program is not run for a service that fails for long enough. */
export type RecoveryRefusal = "isolated" | "detached" | "leaving" | "group" | "share" | "busy";

/** One step of automatic recovery. */
export type RecoveryStep =
  | {
      readonly step: "started";
      readonly attempt: number;
      readonly maxRuns: number;
      readonly reason: string | undefined;
    }
  /** `detail` is the exit and the last line of the output. For logs only. */
  | {
      readonly step: "ended";
      readonly outcome: RecoveryOutcome;
      readonly detail: string;
      readonly durationMs: number;
    }
  | { readonly step: "refused"; readonly cause: RecoveryRefusal }
  /** The limit of runs is reached, and the service still fails. */
  | { readonly step: "gave-up"; readonly runs: number; readonly windowMs: number }
  /** A service that was given up can be recovered again. */
  | { readonly step: "resumed" }
  /** The process ends while the program of the service runs. The program is left alone. */
  | { readonly step: "left"; readonly pid: number | undefined };

/**
 * What is wrong with the beginning of a proxy's connection. `timeout`: no whole header in time. `cut`: the connection ended in it.
 * `checksum`: its CRC32c does not match.
 */
export type ProxyHeaderFault = "missing" | "malformed" | "too-long" | "checksum" | "timeout" | "cut";

/** The message of each channel, without the `instance` that every message has. */
export interface ChannelMessages {
  /** A status or a check state changed. */
  transition: Transition;
  /** A write during a drain: it is held back until `resume`. */
  "write-held": { readonly service: string; readonly status: ServingStatus | "cleared" };
  /** A listener of the application threw; the other listeners were still called. */
  "listener-failed": { readonly error: unknown };
  /** The result of one probe. `detail` may hold text of the target: for logs only. */
  probe: {
    readonly check: string;
    readonly outcome: "pass" | "warn" | "fail";
    readonly reason: string | undefined;
    readonly detail: string | undefined;
    readonly latencyMs: number;
    /** Milliseconds from the due time to the start of the probe. */
    readonly startLagMs: number;
    /** Wall time at which the certificate of the target expires. */
    readonly certificateEndsAt: number | undefined;
  };
  /** A prober could not probe. This says nothing about the target. */
  "prober-failed": { readonly check: string; readonly reason: string; readonly error: unknown };
  /** A probe was aborted and does not end. The check continues without it. */
  "probe-abandoned": { readonly check: string; readonly timeoutMs: number };
  /** An abandoned probe has ended. Its result is ignored. */
  "abandoned-ended": { readonly check: string; readonly lastedMs: number };
  /** The state of a check has changed, and an operator should change something. */
  "check-advice": { readonly check: string; readonly reason: string | undefined; readonly advice: string };
  /** A target reports a service whose name belongs to something else: it is not published. */
  "name-taken": { readonly check: string; readonly service: string };
  /**
   * A source of instances was asked: it has `found` addresses, or has `failed` as a whole or in part, so that addresses that it
   * does not list stay. `refused`: checks of some addresses cannot be made. `isNew`: its last outcome or detail was another one.
   * `detail` may have addresses: for logs only. `removed`: the configuration does not have it any more.
   */
  "instance-source": {
    readonly service: string;
    readonly outcome: "found" | "failed" | "refused" | "removed";
    readonly isNew: boolean;
    /** Addresses that are known. */
    readonly addresses: number;
    readonly detail: string | undefined;
  };
  /** A result is ignored, because the event loop of healthbridge was blocked during the probe. */
  "result-dropped": { readonly check: string; readonly stallMs: number };
  /** The event loop of healthbridge was blocked. */
  stall: { readonly stallMs: number };
  /** Probes have started late for 10 s: healthbridge has more checks than it can probe in time. 0 when that is over. */
  "probes-late": { readonly lagMs: number };
  /**
   * A listener thread has got no sign of life from the main thread for too long, or (`isOver`) gets them again. `silenceMs`: for
   * how long there was none.
   */
  "main-thread-stalled": { readonly silenceMs: number; readonly isOver: boolean };
  /** Number of checks that are held at their last state, because healthbridge seems isolated; 0 when that is over. */
  isolation: { readonly held: number };
  /**
   * A gRPC call was answered, or a stream of Watch, reflection or xDS has ended. `status-code`: a method that answers by its
   * status code alone.
   */
  call: { readonly method: "Check" | "Watch" | "List" | "status-code" | "Reflection" | "xDS"; readonly code: string };
  /** An xDS client refuses a response. `detail` is text of the client, at most 200 characters: for logs only. */
  "xds-nack": { readonly type: "cds" | "eds" | "lds" | "rds"; readonly detail: string };
  /** An HTTP request was answered. `route` is the name of a route, never text of the client. */
  "http-request": { readonly route: string; readonly status: number };
  /** A part of the journal could not be read. `tornBytes` are those of a write that a crash has cut. */
  "journal-damaged": {
    readonly file: string;
    readonly damagedLines: number;
    readonly tornBytes: number;
    readonly records: number;
  };
  /** Writing a file has failed `failures` times in a row. Without an `error`, it has succeeded again. */
  "journal-failed": { readonly file: string; readonly failures: number; readonly error: unknown };
  /** The journal has `maxNames` names: a new one is not stored. Published for the first of them since there was room. */
  "journal-full": { readonly file: string; readonly maxNames: number };
  /** The configuration was reloaded. With an `error`, the previous configuration stays in use. */
  reload: { readonly error: unknown };
  /** A file that the configuration names has changed and cannot be used: its previous content stays in use. */
  "file-reload-failed": { readonly kind: string };
  /** An operator's maintenance has begun or is over. `service` undefined: of all services. */
  maintenance: { readonly service: string | undefined; readonly active: boolean };
  /** A step of automatic recovery, by the rule of the name `recovery`. */
  recovery: { readonly recovery: string; readonly service: string } & RecoveryStep;
  /**
   * A message of a webhook is to be sent (`queued`), was delivered, must be sent again (`retry`), was `rejected` by its
   * receiver and is dropped, or was `folded` into another because too many wait. `removed`: the configuration does not have
   * the webhook any more.
   */
  webhook: {
    readonly webhook: string;
    readonly outcome: "queued" | "delivered" | "retry" | "rejected" | "folded" | "removed";
    /** Messages of this webhook that wait, with the one that is being sent. */
    readonly pending: number;
    /** Requests without success, one after the other, before this message or with it. */
    readonly failures: number;
    /** Why there was no success; for logs only. */
    readonly detail: string | undefined;
  };
  /** healthbridge has ended a connection that broke a rule. */
  "connection-ended": { readonly address: string; readonly rule: string };
  /**
   * A client with a valid certificate is not in `tls.allowClients`: its connection was closed. `names` are those of its
   * certificate, at most five: for logs only.
   */
  "client-refused": { readonly address: string; readonly cause: string; readonly names: readonly string[] };
  /** A connection of a trusted proxy did not begin with a valid PROXY header, and was ended. `address` is that of the proxy. */
  "proxy-header-refused": { readonly address: string; readonly fault: ProxyHeaderFault };
  /** Log lines were dropped: the reader of the log is too slow or gone. */
  "log-dropped": { readonly lines: number };
  /** An error that no caller can receive. */
  fault: { readonly where: string; readonly error: unknown };
}

/** A message with the instance that it comes from. */
export type Published<Name extends keyof ChannelMessages> = ChannelMessages[Name] & { readonly instance: string };

/** A channel is named `healthbridge:` and the key of its message. docs/channels.md lists them. */
const table: { readonly [Name in keyof ChannelMessages]: Channel } = {
  transition: channel("healthbridge:transition"),
  "write-held": channel("healthbridge:write-held"),
  "listener-failed": channel("healthbridge:listener-failed"),
  probe: channel("healthbridge:probe"),
  "prober-failed": channel("healthbridge:prober-failed"),
  "probe-abandoned": channel("healthbridge:probe-abandoned"),
  "abandoned-ended": channel("healthbridge:abandoned-ended"),
  "check-advice": channel("healthbridge:check-advice"),
  "name-taken": channel("healthbridge:name-taken"),
  "instance-source": channel("healthbridge:instance-source"),
  "result-dropped": channel("healthbridge:result-dropped"),
  stall: channel("healthbridge:stall"),
  "probes-late": channel("healthbridge:probes-late"),
  "main-thread-stalled": channel("healthbridge:main-thread-stalled"),
  isolation: channel("healthbridge:isolation"),
  call: channel("healthbridge:call"),
  "xds-nack": channel("healthbridge:xds-nack"),
  "http-request": channel("healthbridge:http-request"),
  "journal-damaged": channel("healthbridge:journal-damaged"),
  "journal-failed": channel("healthbridge:journal-failed"),
  "journal-full": channel("healthbridge:journal-full"),
  reload: channel("healthbridge:reload"),
  "file-reload-failed": channel("healthbridge:file-reload-failed"),
  maintenance: channel("healthbridge:maintenance"),
  recovery: channel("healthbridge:recovery"),
  webhook: channel("healthbridge:webhook"),
  "connection-ended": channel("healthbridge:connection-ended"),
  "client-refused": channel("healthbridge:client-refused"),
  "proxy-header-refused": channel("healthbridge:proxy-header-refused"),
  "log-dropped": channel("healthbridge:log-dropped"),
  fault: channel("healthbridge:fault"),
};

/**
 * Publishes a message of one instance. Without a subscriber it costs little more than a property read. Subscribers get
 * the object itself: a copy would cost more than the rest of a health call.
 */
export function publish<Name extends keyof ChannelMessages>(name: Name, message: Published<Name>): void {
  if (table[name].hasSubscribers) table[name].publish(message);
}

/** Whether a message would reach a subscriber: for one that costs much to make. */
export function hasSubscribers(name: keyof ChannelMessages): boolean {
  return table[name].hasSubscribers;
}

/**
 * Calls `listener` for every message on a channel. Returns an unsubscribe function. What a listener throws is published
 * as a fault; what a listener of faults throws is an uncaught exception, as with any diagnostics channel.
 */
export function subscribe<Name extends keyof ChannelMessages>(
  name: Name,
  listener: (message: Published<Name>) => void,
): () => void {
  const onMessage = (untyped: unknown) => {
    const message = untyped as Published<Name>; // only `publish` above writes to these channels
    try {
      listener(message);
    } catch (error) {
      if (name === "fault") throw error;
      publish("fault", { instance: message.instance, where: `subscriber of ${name}`, error });
    }
  };
  table[name].subscribe(onMessage);
  return () => void table[name].unsubscribe(onMessage);
}
