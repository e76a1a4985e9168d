/**
 * Watches a server for as long as the command runs: one session after the other.
 *
 *     connecting --> connected --> session ends --+-- by GOAWAY: connect again at once
 *         ^                                       |      no new session within a second: disconnected
 *         |                                       '-- by a failure: disconnected
 *         '---- back-off <-------------------------------'
 *
 * A first session that fails for a reason that waiting does not change (no List, wrong credentials) ends the command.
 */
import { retryDelayMs } from "../../client/reused-watch.js";
import { Cancellation } from "../probe/cancellation.js";
import { probeClock } from "../probe/probe-clock.js";
import { type HealthListener, HealthSession, openSession, type SessionDeps } from "./health-session.js";
import type { SessionEnd } from "./session-end.js";

/** Receives what a server reports, and the losses of its connection. */
export interface ServerListener extends HealthListener {
  /** Called for each attempt that fails, too. From here on, no status is current. */
  onDisconnected(cause: string): void;
}

export interface WatchDeps extends Omit<SessionDeps, "listener" | "traits"> {
  readonly listener: ServerListener;
  readonly intervalMs: number;
}

/** Statuses stay current so long while a server that has sent GOAWAY is replaced. */
const GRACE_MS = 1_000;

const MIN_RETRY_MS = 50;

/** People wait for the server to come back. */
const MAX_RETRY_MS = 5_000;

/** A session that has lasted so long has worked: the next one is opened at once. */
const STEADY_MS = 5_000;

/** Resolves with why the server cannot be watched, or with `undefined` when it is cancelled. */
export async function watchServer(deps: WatchDeps): Promise<string | undefined> {
  const { listener, cancellation } = deps;
  const traits = { hasWatch: true, hasDetails: undefined };
  let hasConnected = false;
  let failures = 0;
  /** Runs from the first GOAWAY until the next status, however many connections end by GOAWAY meanwhile. */
  let cancelGrace: (() => void) | undefined;
  const stopGrace = () => {
    cancelGrace?.();
    cancelGrace = undefined;
  };
  const sessionListener: HealthListener = {
    onConnected() {
      hasConnected = true;
      stopGrace();
      listener.onConnected();
    },
    onListed: (services) => listener.onListed(services),
    onStatus: (service, status, awaitsDetails) => listener.onStatus(service, status, awaitsDetails),
    onFault: (service, fault) => listener.onFault(service, fault),
    onDetails: (service, details) => listener.onDetails(service, details),
    onPolled: () => listener.onPolled(),
  };
  while (!cancellation.isCancelled) {
    const startedAt = probeClock.now();
    const end = await runSession({ ...deps, traits, listener: sessionListener }, deps.intervalMs);
    if (cancellation.isCancelled) break;
    if (end.kind === "left") cancelGrace ??= probeClock.setTimer(GRACE_MS, () => listener.onDisconnected(GOODBYE));
    else {
      stopGrace();
      listener.onDisconnected(end.text);
    }
    if (end.kind === "failed" && end.isFinal && !hasConnected) return end.text;
    failures = probeClock.now() - startedAt >= STEADY_MS ? 0 : failures + 1;
    await cancellation.pause(pauseMs(failures, end));
  }
  stopGrace();
  return undefined;
}

/** Milliseconds before the next session, after so many short ones in a row. */
function pauseMs(failures: number, { kind }: SessionEnd): number {
  if (failures === 0 || (failures === 1 && kind === "left")) return MIN_RETRY_MS;
  return Math.min(retryDelayMs(failures - 1, Math.random), MAX_RETRY_MS);
}

const GOODBYE = "the server has closed the connection (GOAWAY)";

async function runSession(deps: SessionDeps, intervalMs: number): Promise<SessionEnd> {
  const cancellation = new Cancellation();
  const stop = deps.cancellation.onCancel(() => cancellation.cancel());
  try {
    const session = await openSession({ ...deps, cancellation });
    return session instanceof HealthSession ? await session.run(intervalMs) : session;
  } finally {
    stop();
  }
}
