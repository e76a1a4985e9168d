/**
 * How long a connection lives.
 *
 *     keepalive  nothing has come for `keepaliveTimeMs`: PING; nothing within `keepaliveTimeoutMs` after that: dropped
 *     idle       no stream for `maxConnectionIdleMs`: asked to go
 *     age        open for `maxConnectionAgeMs`, give or take a tenth: asked to go, and ended after the grace
 *
 * One timer, set for whatever comes next. What happens meanwhile is not followed but looked at when the timer fires: a
 * request costs nothing here.
 */
import type { CancelTimer, Clock, Random } from "../../core/clock.js";

/** Times of a connection, in milliseconds. */
export interface LifetimeSettings {
  readonly keepaliveTimeMs: number;
  readonly keepaliveTimeoutMs: number;
  readonly maxConnectionIdleMs: number;
  /** Infinite: never. */
  readonly maxConnectionAgeMs: number;
  readonly maxConnectionAgeGraceMs: number;
}

/** The connection, as its lifetime sees it. */
export interface Living {
  /** Bytes that have come so far. */
  readonly bytesRead: number;
  /** Since when no stream is open, in monotonic time; `undefined` while one is. */
  readonly idleSince: number | undefined;
  ping(): void;
  askToGo(): void;
  /** The grace is over. */
  expire(): void;
  /** Ends the connection without a word: nobody is there to hear it. */
  drop(rule: string): void;
}

/** Ages differ by up to a tenth, so that connections that were opened together are not closed together. */
const AGE_JITTER = 0.1;

export class Lifetime {
  readonly #living: Living;
  readonly #clock: Clock;
  readonly #settings: LifetimeSettings;
  #bytesSeen = 0;
  #pinged = false;
  #keepaliveAt: number;
  #idleAt: number;
  #ageAt: number;
  #askedToGo = false;
  #cancel: CancelTimer = () => {};

  constructor(living: Living, settings: LifetimeSettings, { clock, random }: { clock: Clock; random: Random }) {
    this.#living = living;
    this.#clock = clock;
    this.#settings = settings;
    const now = Math.ceil(clock.now());
    this.#keepaliveAt = now + settings.keepaliveTimeMs;
    this.#idleAt = now + settings.maxConnectionIdleMs;
    this.#ageAt = now + Math.round(settings.maxConnectionAgeMs * (1 + AGE_JITTER * (2 * random() - 1)));
    this.#arm();
  }

  /** Counts no more. */
  end(): void {
    this.#cancel();
  }

  #arm(): void {
    const dueAt = Math.min(this.#keepaliveAt, this.#idleAt, this.#ageAt);
    this.#cancel = this.#clock.setTimer(dueAt - this.#clock.now(), () => this.#look());
  }

  #look(): void {
    const now = Math.ceil(this.#clock.now());
    if (now >= this.#ageAt) this.#judgeAge(now);
    if (now >= this.#idleAt) this.#judgeIdle(now);
    if (now >= this.#keepaliveAt && !this.#judgeSilence(now)) return;
    this.#arm();
  }

  #judgeAge(now: number): void {
    if (this.#askedToGo) {
      this.#ageAt = Number.POSITIVE_INFINITY;
      this.#living.expire();
      return;
    }
    this.#askedToGo = true;
    this.#ageAt = now + this.#settings.maxConnectionAgeGraceMs;
    this.#living.askToGo();
  }

  #judgeIdle(now: number): void {
    const { maxConnectionIdleMs } = this.#settings;
    const dueAt = (this.#living.idleSince ?? now) + maxConnectionIdleMs;
    if (dueAt > now) {
      this.#idleAt = dueAt;
      return;
    }
    this.#idleAt = now + maxConnectionIdleMs;
    this.#living.askToGo();
  }

  /** Whether the peer may still be there. */
  #judgeSilence(now: number): boolean {
    const { keepaliveTimeMs, keepaliveTimeoutMs } = this.#settings;
    const { bytesRead } = this.#living;
    const silent = bytesRead === this.#bytesSeen;
    this.#bytesSeen = bytesRead;
    if (silent && this.#pinged) {
      this.#living.drop("keepalive-timeout");
      return false;
    }
    if (silent) this.#living.ping();
    this.#pinged = silent;
    this.#keepaliveAt = now + (silent ? keepaliveTimeoutMs : keepaliveTimeMs);
    return true;
  }
}
