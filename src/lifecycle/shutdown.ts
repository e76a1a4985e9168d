/**
 * The steps of a shutdown, in an order that cuts off no client and that no client can delay.
 *
 *     announce --> drainDelay --> stop accepting --> end watches --> close gracefully --> idle, or closeTimeout --> destroy
 *     NOT_SERVING                 no connections     UNAVAILABLE     GOAWAY
 *
 * During the drain delay a load balancer or an endpoint controller learns of the change; until then its traffic must
 * still be served. The close timeout bounds how long a client that does not read and does not close can delay the end
 * (tryShutdown of grpc-js and GracefulStop of grpc-go wait without a limit while a Watch is open).
 */
import { type Clock, settledWithin } from "../core/clock.js";
import { parseDuration } from "../core/duration.js";
import { HealthError, messageOf } from "../core/health-error.js";
import { DEFAULT_CLOSE_TIMEOUT_MS, DEFAULT_DRAIN_DELAY_MS, requireKnownOptions } from "../core/option.js";

/** What is shut down. Each step is called once, in this order. */
export interface ShutdownSteps {
  /** Reports NOT_SERVING for all services. */
  announce(): void;
  /** Accepts no more connections. */
  stopAccepting(): void;
  /** Ends the open Watch streams. */
  endWatches(): void;
  /** Asks the clients to close their connections; resolves when all connections are closed. */
  closeGracefully(): Promise<void>;
  /** Ends what is left, at once. */
  destroy(): Promise<void>;
}

/** How long the steps may take. */
export interface ShutdownTimes {
  /** Milliseconds between NOT_SERVING and the end of service. Default 5 s. */
  readonly drainDelayMs?: number | undefined;
  /** Milliseconds that clients then have to finish their calls. Default 10 s. */
  readonly closeTimeoutMs?: number | undefined;
}

const TIMES = ["drainDelayMs", "closeTimeoutMs"] as const satisfies readonly (keyof ShutdownTimes)[];

/**
 * Checks what types cannot promise: a misspelled `drainDelayMs` would be a drain delay of 5 s.
 * @throws HealthError INVALID_OPTION
 */
export function requireShutdownTimes(times: ShutdownTimes): void {
  requireKnownOptions("shutdown", times, TIMES);
  for (const option of TIMES) {
    const value: unknown = times[option];
    if (value === undefined || (typeof value === "number" && parseDuration(value) !== undefined)) continue;
    const expected = `${option} must be a number of milliseconds from 0 to one year`;
    throw new HealthError("INVALID_OPTION", `${expected}; got ${messageOf(value)}`);
  }
}

/** Destroyed sockets close within a few turns of the event loop. A step that takes longer is not awaited. */
const DESTROY_TIMEOUT_MS = 1_000;

/** Runs the steps. Settles at the latest one second after both times together; rejects with what a step has thrown. */
export async function runShutdown(steps: ShutdownSteps, clock: Clock, times: ShutdownTimes = {}): Promise<void> {
  try {
    steps.announce();
    await sleep(clock, times.drainDelayMs ?? DEFAULT_DRAIN_DELAY_MS);
    steps.stopAccepting();
    steps.endWatches();
    await settledWithin(steps.closeGracefully(), times.closeTimeoutMs ?? DEFAULT_CLOSE_TIMEOUT_MS, clock);
  } finally {
    await settledWithin(steps.destroy(), DESTROY_TIMEOUT_MS, clock);
  }
}

/** The longest time that `runShutdown` takes, in milliseconds. */
export function maxShutdownMs({ drainDelayMs, closeTimeoutMs }: ShutdownTimes): number {
  const delayMs = drainDelayMs ?? DEFAULT_DRAIN_DELAY_MS;
  return delayMs + (closeTimeoutMs ?? DEFAULT_CLOSE_TIMEOUT_MS) + DESTROY_TIMEOUT_MS;
}

function sleep(clock: Clock, ms: number): Promise<void> {
  return new Promise((resolve) => void (ms === 0 ? resolve() : clock.setTimer(ms, resolve)));
}
