/** How long a connection of HTTP/2 lives, whatever engine has it. */
import { MAX_TIMER_MS, milliseconds } from "../../core/option.js";

/** Settings of connections, in milliseconds and counts. */
export interface ConnectionSettings {
  /** A silent connection is asked for a sign of life after this. Default 30 s. */
  readonly keepaliveTimeMs?: number | undefined;
  /** It is dropped when none comes within this. Default 10 s. */
  readonly keepaliveTimeoutMs?: number | undefined;
  /** A connection without a stream is closed after this: above every prober's interval. Default 5 min. */
  readonly maxConnectionIdleMs?: number | undefined;
  /** A connection is asked to go after this, so that balancers spread anew; undefined: never. Default undefined. */
  readonly maxConnectionAgeMs?: number | undefined;
  /** What a connection has left after it was asked to go. Default 30 s. */
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
 * The settings with their defaults. The longest time that a timer can count means never.
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
