/**
 * The drain before a framework closes: every service reports NOT_SERVING while the application still answers, so that load
 * balancers remove it first.
 */
import { keepAlive } from "../core/background.js";
import { milliseconds } from "../core/option.js";
import type { Health } from "../daemon/health.js";
import { DEFAULT_DRAIN_DELAY_MS } from "../lifecycle/shutdown.js";

/**
 * The delay in milliseconds, or its default; 0 is none.
 * @throws HealthError INVALID_OPTION
 */
export function drainDelay(value: number | undefined): number {
  return value === 0 ? 0 : milliseconds("drainDelayMs", value, DEFAULT_DRAIN_DELAY_MS);
}

/** Drains, and resolves after the delay. `gracefulShutdown`, or a call of `drain`, may have done both before: at once then. */
export async function drainFor(health: Health, delayMs: number): Promise<void> {
  if (health.draining) return;
  health.drain();
  await keepAlive(new Promise<void>((resolve) => void health.parts.bridge.clock.setTimer(delayMs, resolve)));
}

/** Asks the client to send its next request on another connection. HTTP/2 responses ignore it. */
export function endConnectionAfter(response: { shouldKeepAlive?: boolean }): void {
  response.shouldKeepAlive = false;
}
