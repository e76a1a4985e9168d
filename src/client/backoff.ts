/**
 * How long to wait before a Watch is opened again: 1 s, and 1.6 times more after each vain attempt, up to 120 s, each
 * varied by a fifth, so that many clients of one server don't come back in step.
 *
 * Source: gRFC A17 (the back-off of gRPC connections, doc/connection-backoff.md).
 */
import type { Random } from "../core/clock.js";

const BASE_MS = 1_000;
const FACTOR = 1.6;
const MAX_MS = 120_000;
const JITTER = 0.2;

/** Milliseconds from the start of an attempt to that of the next; `vain` attempts in a row have come to nothing. */
export function retryDelayMs(vain: number, random: Random): number {
  return Math.min(BASE_MS * FACTOR ** vain, MAX_MS) * (1 + JITTER * (2 * random() - 1));
}
