/**
 * What crosses the boundary between the main thread and a listener thread. All of it is plain data.
 *
 *     main thread                                          listener thread
 *       registry --> StatusFeed --patch-----------------> StatusMirror --> engine, bridge --> CLIENTS
 *       checks   <------------------heartbeat, asked for-- bridge
 *                ------------------ heartbeat, answered -->
 *       bridge   <------------------a request about the past-- bridge
 *                ------------------ its answer ---------->
 *       channels <------------------events (counts)------- channels
 *                ------------------ events, in a patch --->  (only for /metrics)
 *       token, TLS, the steps of a shutdown ------------->
 *
 * Messages of one direction keep their order. The number of patches that are not applied yet is bounded: see `StatusFeed`.
 */
import type { AgeOwner } from "../../checks/freshness.js";
import type { ServiceDeclaration } from "../../checks/service-graph.js";
import type { ChannelMessages, Transition } from "../../core/channels.js";
import type { HealthErrorCode } from "../../core/health-error.js";
import type { BoundAddress } from "../../core/listen-address.js";
import type { ListenEntry } from "../../core/listen-point.js";
import type { TlsIdentity } from "../../listener/tls.js";
import type { Report } from "../../probers/heartbeat.js";
import type { CheckReport, FleetState, ServiceStatus, UnreadyReason } from "../../registry/ports.js";
import type { MainReadings } from "../../telemetry/metrics.js";
import type { TallyState } from "../../telemetry/tally.js";
import type { HeartbeatAnswer } from "../../transports/http/heartbeats.js";
import type { HttpRequest } from "../../wire/http-message.js";
import type { ServerOptions } from "../server.js";
import type { RelayedAnswer } from "./relayed-answer.js";

/** The changes since the patch before, with the newest values: one instant of the registry. */
export interface StatusPatch {
  readonly sequence: number;
  /** False: only measurements have changed. */
  readonly hasStatus: boolean;
  /** `entry` undefined: the service has no status any more. */
  readonly services: readonly (readonly [name: string, entry: StatusEntry | undefined])[];
  readonly checks: readonly (readonly [name: string, report: CheckReport | undefined])[];
  /** `processTime` of the patch: it may have waited for a thread that was blocked. */
  readonly takenAt: number;
  /** Milliseconds from `takenAt` until the last result is stale; `undefined`: there is none any more. */
  readonly ages: readonly (readonly [owner: AgeOwner, staleInMs: number | undefined])[];
  readonly draining: boolean;
  readonly unready: UnreadyReason | undefined;
  /** The drained services, when they have changed. */
  readonly drained: ReadonlySet<string> | undefined;
  /** The fleet, when it has changed. */
  readonly fleet: FleetState | undefined;
  /** The declared services, when they have changed. */
  readonly declared: readonly ServiceDeclaration[] | undefined;
  readonly events: readonly RelayedEvent[];
  /** Transitions since the patch before, in their order; of too many, the newest. */
  readonly transitions: readonly Transition[];
  /** The sequence of the last transition that the statuses of this patch follow from. It may come in a later patch. */
  readonly lastTransition: number;
}

export interface StatusEntry {
  readonly status: ServiceStatus;
  readonly isDeclared: boolean;
}

/** A message of a diagnostics channel. `count`: so many of them are the same. */
export type RelayedEvent = {
  readonly [Name in keyof ChannelMessages]: {
    readonly name: Name;
    readonly message: ChannelMessages[Name];
    count: number;
  };
}[keyof ChannelMessages];

/** What the thread starts with. */
export interface ThreadStart {
  readonly instance: string;
  readonly addresses: readonly ListenEntry[];
  readonly options: ServerOptions;
  readonly listLimit: number | undefined;
  readonly maxWatchers: number | undefined;
  readonly token: string | undefined;
  /** Of the event IDs; `undefined`: the thread does not serve `/events`. */
  readonly epoch: string | undefined;
  readonly page: boolean;
  readonly hosts: readonly string[] | undefined;
  /** What was counted until now; `undefined`: the thread does not serve `/metrics`. */
  readonly counted: TallyState | undefined;
  readonly stallAfterMs: number;
  readonly numbers: SharedArrayBuffer;
  /** Everything that has a status now. */
  readonly statuses: StatusPatch;
}

export type ToThread =
  | { readonly kind: "patch"; readonly patch: StatusPatch }
  | { readonly kind: "heartbeat-answer"; readonly id: number; readonly answer: HeartbeatAnswer }
  | { readonly kind: "relayed-answer"; readonly id: number; readonly answer: RelayedAnswer }
  | { readonly kind: "readings-answer"; readonly id: number; readonly readings: MainReadings }
  | { readonly kind: "events-taken" }
  | { readonly kind: "token"; readonly token: string | undefined }
  | { readonly kind: "tls"; readonly identity: TlsIdentity }
  | { readonly kind: "stop-accepting" | "close-gracefully" | "close" };

export type FromThread =
  | { readonly kind: "listening"; readonly addresses: readonly BoundAddress[] }
  | { readonly kind: "refused"; readonly error: ErrorParts }
  | HeartbeatRequest
  /** About the past, which the main thread knows. */
  | { readonly kind: "request"; readonly id: number; readonly request: HttpRequest }
  /** What `/metrics` shows of the main thread. */
  | { readonly kind: "readings"; readonly id: number }
  | { readonly kind: "events"; readonly events: readonly RelayedEvent[] }
  /** After `close-gracefully`: every connection has ended. */
  | { readonly kind: "idle" }
  | { readonly kind: "closed" };

export interface HeartbeatRequest {
  readonly kind: "heartbeat";
  readonly id: number;
  readonly check: string;
  readonly authorization: string | undefined;
  readonly report: Report;
  /** On the monotonic clock that the threads of a process share: see `processTime`. */
  readonly askedAt: number;
}

/** An error, for the other thread. `code` undefined: not a `HealthError`. */
export interface ErrorParts {
  readonly code: HealthErrorCode | undefined;
  readonly message: string;
  readonly stack: string | undefined;
  /** Its cause, with the code of the operating system. */
  readonly cause: { readonly message: string; readonly code: string | undefined } | undefined;
}

/** How long the main thread may take to answer. After that, a heartbeat is refused and does not count. */
export const ANSWER_TIMEOUT_MS = 5_000;

/** Monotonic time in milliseconds, the same in every thread of the process. */
export function processTime(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}
