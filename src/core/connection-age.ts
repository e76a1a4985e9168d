/**
 * The age at which a connection of a client ends, in every protocol (gRFC A9, server-side connection management).
 */
import type { Random } from "./clock.js";

/** The age of connections whose client has shown a certificate, and of all connections of the daemon: an hour. */
export const DEFAULT_CONNECTION_AGE_MS = 3_600_000;

const AGE_JITTER = 0.1;

/** An age that differs by up to a tenth: connections that were opened together are not closed together. */
export function variedAge(ageMs: number, random: Random): number {
  return Math.round(ageMs * (1 + AGE_JITTER * (2 * random() - 1)));
}
