/**
 * The drain of a framework that closes its servers itself: `close()` of Fastify and Nest, `stop()` of a broker of Moleculer.
 *
 *     a shutdown runs (`gracefulShutdown`, `health.shutdown()`)    its drain delay is awaited
 *     the application has called `health.drain()`                  no delay
 *     neither                                                      NOT_SERVING, then `delayMs`
 */
import { keepAlive } from "../core/background.js";
import type { Health } from "../daemon/health.js";

/** Reports NOT_SERVING, and resolves when the framework may close its servers. The process stays alive until then. */
export function drainBeforeEnd(health: Health, delayMs: number): Promise<void> {
  return keepAlive(drain(health, delayMs));
}

async function drain(health: Health, delayMs: number): Promise<void> {
  const { servers, bridge } = health.parts;
  if (servers.drained !== undefined) return servers.drained;
  if (health.draining) return;
  health.drain();
  if (delayMs > 0) await new Promise<void>((resolve) => void bridge.clock.setTimer(delayMs, resolve));
}
