/** What the page says about its connection. */
import type { StreamState } from "./event-connection.js";

/** Two parts of a line. */
export interface ConnectionWords {
  /** Read out by a screen reader when it changes. */
  readonly text: string;
  /** Changes every second, so it is not read out. */
  readonly countdown: string;
  /** The statuses on the page may be old. */
  readonly isStale: boolean;
}

export interface StaleTimes {
  /** Wall time in milliseconds. */
  readonly now: number;
  /** Wall time at which the statuses were known last. */
  readonly knownAt: number;
  /** Whether the connection was live before. */
  readonly wasLive: boolean;
  /** Writes a wall time for people. */
  readonly format: (time: number) => string;
}

const REFUSALS: Readonly<Record<number, string>> = {
  401: "The server needs its token: reload this page to enter it.",
  421: "The server does not allow this host name.",
  503: "The server accepts no more connections for now.",
};

/** Says how current the page is. */
export function connectionWords(state: StreamState, times: StaleTimes): ConnectionWords {
  const asOf = `Statuses are as of ${times.format(times.knownAt)}.`;
  switch (state.kind) {
    case "live":
      return { text: "Live", countdown: "", isStale: false };
    case "opening":
      if (!times.wasLive) return { text: "Connecting", countdown: "", isStale: false };
      return { text: `Connection lost. ${asOf}`, countdown: "Trying again now.", isStale: true };
    case "lost": {
      const seconds = Math.max(1, Math.ceil((state.retryAt - times.now) / 1_000));
      return { text: `${causeOf(state.code)} ${asOf}`, countdown: `Trying again in ${seconds} s.`, isStale: true };
    }
    case "closed":
      return { text: `Paused. ${asOf}`, countdown: "", isStale: true };
    default:
      return state satisfies never;
  }
}

function causeOf(code: number | undefined): string {
  if (code === undefined) return "Connection lost.";
  return REFUSALS[code] ?? `The server answered with the code ${code}.`;
}
