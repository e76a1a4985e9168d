/** How long an HTTP/2 connection lives, in every engine. */
import { MAX_TIMER_MS, milliseconds } from "../../core/option.js";

/** Settings of connections, in milliseconds and counts. */
export interface ConnectionSettings {
  /** A PING is sent when the client was silent for this long. Default 30 s. */
  readonly keepaliveTimeMs?: number | undefined;
  /** The connection is closed when the client stays silent for this long after the PING. Default 10 s. */
  readonly keepaliveTimeoutMs?: number | undefined;
  /** A connection without a stream is closed after this. It must be longer than a prober's interval. Default 5 min. */
  readonly maxConnectionIdleMs?: number | undefined;
  /**
   * A connection gets GOAWAY after this, varied by a tenth, so that load balancers distribute connections again; one of HTTP/1 is
   * closed with its next answer. Default: 1 h where clients show certificates (`tls.clientCa`), otherwise never.
   */
  readonly maxConnectionAgeMs?: number | undefined;
  /** The time from then to the end of the connection. Default 30 s. */
  readonly maxConnectionAgeGraceMs?: number | undefined;
}

const DEFAULTS: Readonly<Record<keyof ConnectionSettings, number>> = {
  keepaliveTimeMs: 30_000,
  keepaliveTimeoutMs: 10_000,
  maxConnectionIdleMs: 300_000,
  maxConnectionAgeMs: MAX_TIMER_MS,
  maxConnectionAgeGraceMs: 30_000,
};

/**
 * The settings with their defaults. The longest time of a timer means never.
 * @throws HealthError INVALID_OPTION
 */
export function completeConnectionSettings(
  settings: ConnectionSettings,
): Readonly<Record<keyof ConnectionSettings, number>> {
  const ms = (option: keyof ConnectionSettings) => milliseconds(option, settings[option], DEFAULTS[option]);
  return {
    keepaliveTimeMs: ms("keepaliveTimeMs"),
    keepaliveTimeoutMs: ms("keepaliveTimeoutMs"),
    maxConnectionIdleMs: ms("maxConnectionIdleMs"),
    maxConnectionAgeMs: ms("maxConnectionAgeMs"),
    maxConnectionAgeGraceMs: ms("maxConnectionAgeGraceMs"),
  };
}
