/**
 * The order in which a service leaves, so that nobody is cut off and nobody can hold it up.
 *
 *     announce --> drainDelay --> stop accepting --> end watches --> ask to go --> all gone, or closeTimeout --> destroy
 *     everybody is told          no new work        UNAVAILABLE     GOAWAY
 *     NOT_SERVING
 *
 * The delay is for the world: a load balancer or an endpoint controller needs some seconds to hear the news, and until
 * then its traffic must still be served. The timeout is for us: a client that never reads and never closes does not
 * decide when we end (grpc-js' tryShutdown and grpc-go's GracefulStop wait for ever on an open Watch).
 */
import type { Clock } from "../core/clock.js";

/** What is shut down. Each step is called once, in this order. */
export interface ShutdownSteps {
  /** Tells everybody NOT_SERVING. */
  announce(): void;
  /** Takes no new connections. */
  stopAccepting(): void;
  /** Ends the open Watch streams. */
  endWatches(): void;
  /** Asks the clients to go; resolves when the last has gone. */
  askToGo(): Promise<void>;
  /** Ends what is left, at once. */
  destroy(): Promise<void>;
}

/** How long the steps may take. */
export interface ShutdownTimes {
  /** Milliseconds between the announcement and the end of service. Default 5 s. */
  readonly drainDelayMs?: number | undefined;
  /** Milliseconds that clients have to go afterwards. Default 10 s. */
  readonly closeTimeoutMs?: number | undefined;
}

/** The delay of `shutdown` when nobody says otherwise: what Kubernetes needs to withdraw an endpoint. */
export const DEFAULT_DRAIN_DELAY_MS = 5_000;
const DEFAULT_CLOSE_TIMEOUT_MS = 10_000;

/** Destroyed sockets close in the next turns of the event loop; a step that fails to is not waited for. */
const DESTROY_TIMEOUT_MS = 1_000;

/** Leaves in order. Resolves when nothing is left, at the latest a second after both times together. */
export async function leave(leaving: ShutdownSteps, clock: Clock, times: ShutdownTimes = {}): Promise<void> {
  try {
    leaving.announce();
    await sleep(clock, times.drainDelayMs ?? DEFAULT_DRAIN_DELAY_MS);
    leaving.stopAccepting();
    leaving.endWatches();
    await atMost(clock, times.closeTimeoutMs ?? DEFAULT_CLOSE_TIMEOUT_MS, leaving.askToGo());
  } finally {
    await atMost(clock, DESTROY_TIMEOUT_MS, leaving.destroy());
  }
}

function sleep(clock: Clock, ms: number): Promise<void> {
  return new Promise((resolve) => void (ms === 0 ? resolve() : clock.setTimer(ms, resolve)));
}

/** Resolves with the work, or after a time without it. */
async function atMost(clock: Clock, ms: number, work: Promise<void>): Promise<void> {
  let cancel = () => {};
  const limit = new Promise<void>((resolve) => {
    cancel = clock.setTimer(ms, resolve);
  });
  try {
    await Promise.race([work, limit]);
  } finally {
    cancel();
  }
}
