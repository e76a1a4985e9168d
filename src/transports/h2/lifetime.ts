/**
 * How long a connection lives. Pure: the connection owns the timer and asks what is due.
 *
 *     keepalive  no byte from the client for `keepaliveTimeMs`: PING; none for `keepaliveTimeoutMs` after it: drop
 *     idle       no stream for `maxConnectionIdleMs`: GOAWAY
 *     age        open for `maxConnectionAgeMs`, varied by a tenth: GOAWAY, and the end after the grace time
 *
 * Source: gRFC A8 (client-side keepalive), gRFC A9 (server-side connection management).
 */
import type { Random } from "../../core/clock.js";
import { variedAge } from "../../core/connection-age.js";

/** Times of a connection, in milliseconds. */
export interface LifetimeSettings {
  readonly keepaliveTimeMs: number;
  readonly keepaliveTimeoutMs: number;
  readonly maxConnectionIdleMs: number;
  /** Infinite: never. */
  readonly maxConnectionAgeMs: number;
  readonly maxConnectionAgeGraceMs: number;
}

/** What the client has done, in monotonic time. */
export interface Activity {
  readonly lastReadAt: number;
  /** Since when no stream is open; `undefined` while one is. */
  readonly idleSince: number | undefined;
}

/** What the connection must do. */
export type LifetimeStep = "ping" | "drop" | "go-away" | "expire";

export class Lifetime {
  readonly #settings: LifetimeSettings;
  #pingedAt: number | undefined;
  #keepaliveAt: number;
  #idleAt: number;
  #ageAt: number;
  #aged = false;

  constructor(settings: LifetimeSettings, now: number, random: Random) {
    this.#settings = settings;
    this.#keepaliveAt = now + settings.keepaliveTimeMs;
    this.#idleAt = now + settings.maxConnectionIdleMs;
    this.#ageAt = now + variedAge(settings.maxConnectionAgeMs, random);
  }

  /** When `next` must be asked again. */
  get dueAt(): number {
    return Math.min(this.#keepaliveAt, this.#idleAt, this.#ageAt);
  }

  /** The next step that is due; `undefined` when none is left. */
  next(now: number, activity: Activity): LifetimeStep | undefined {
    return this.#age(now) ?? this.#idle(now, activity.idleSince) ?? this.#keepalive(now, activity.lastReadAt);
  }

  #age(now: number): LifetimeStep | undefined {
    if (now < this.#ageAt) return undefined;
    this.#ageAt = this.#aged ? Number.POSITIVE_INFINITY : now + this.#settings.maxConnectionAgeGraceMs;
    if (this.#aged) return "expire";
    this.#aged = true;
    return "go-away";
  }

  #idle(now: number, idleSince: number = now): LifetimeStep | undefined {
    if (now < this.#idleAt) return undefined;
    const { maxConnectionIdleMs } = this.#settings;
    const isIdle = idleSince + maxConnectionIdleMs <= now;
    this.#idleAt = (isIdle ? now : idleSince) + maxConnectionIdleMs;
    return isIdle ? "go-away" : undefined;
  }

  #keepalive(now: number, lastReadAt: number): LifetimeStep | undefined {
    if (now < this.#keepaliveAt) return undefined;
    const { keepaliveTimeMs, keepaliveTimeoutMs } = this.#settings;
    if (this.#pingedAt !== undefined && lastReadAt < this.#pingedAt) {
      this.#keepaliveAt = Number.POSITIVE_INFINITY;
      return "drop";
    }
    const isSilent = lastReadAt + keepaliveTimeMs <= now;
    this.#pingedAt = isSilent ? now : undefined;
    this.#keepaliveAt = isSilent ? now + keepaliveTimeoutMs : lastReadAt + keepaliveTimeMs;
    return isSilent ? "ping" : undefined;
  }
}
