/** A service that the target of a check reports: its state, and since when it is offline. */
import type { ServingStatus } from "../core/serving-status.js";

type State = "online" | "offline" | "unknown";

export const STATUSES: Readonly<Record<State, ServingStatus>> = {
  online: "SERVING",
  offline: "NOT_SERVING",
  unknown: "UNKNOWN",
};

export const STATES: Readonly<Record<ServingStatus, State>> = {
  SERVING: "online",
  NOT_SERVING: "offline",
  UNKNOWN: "unknown",
};

/** A service of a target. */
export interface Worker {
  state: State;
  reason: string | undefined;
  /** Answers in a row without it. */
  absences: number;
  /** Monotonic time since which it is offline. */
  offlineSince: number;
  /** It is cleared, but the target still calls it offline. */
  isForgotten: boolean;
  /** Its name belongs to something else, and the log says so. */
  isRefused: boolean;
}

/** `offlineSince` of a worker that is not offline. */
export const ONLINE = Number.POSITIVE_INFINITY;

export function newWorker(): Worker {
  return {
    state: "unknown",
    reason: undefined,
    absences: 0,
    offlineSince: ONLINE,
    isForgotten: false,
    isRefused: false,
  };
}

/** A worker that becomes unknown keeps the time since which it is offline: it is forgotten at that time. */
export function setState(worker: Worker, state: State, reason: string | undefined, now: number): void {
  if (state === "online") {
    worker.offlineSince = ONLINE;
    worker.isForgotten = false;
  }
  if (state === "offline" && worker.offlineSince === ONLINE) worker.offlineSince = now;
  worker.state = state;
  worker.reason = reason;
}
