/**
 * A Watch that stays open beside the Checks. A change of its status causes an early Check.
 *
 *     ensureOpen() --> open? --no--> back-off over? --yes--> Watch --first status--> known --another--> onChange
 *                                                              |
 *                                                              +--ended by the target after a status--> onChange
 *
 * Its statuses are not used: a Check decides. So a check works without a Watch. If the target refuses or ends
 * the Watch, healthbridge asks again after the back-off. If the target floods it, healthbridge ends it. UNIMPLEMENTED
 * is final. It has no timer: `ensureOpen` is called after each successful Check.
 */
import type { Clock, Random } from "../core/clock.js";
import { BrokenCall } from "./broken-call.js";
import { type CallStatus, hasStatus } from "./grpc-call.js";
import type { ReportedStatus, WatchListener } from "./health-stub.js";

/** Where a Watch can be opened: a `HealthStub`. */
export interface WatchSource {
  watch(service: string, listener: WatchListener): boolean;
}

/** What a Watch works with. */
export interface ReusedWatchDeps {
  readonly clock: Clock;
  readonly random: Random;
  /** Called when a Check is worth while; never from within `ensureOpen`. */
  readonly onChange: () => void;
}

/** More statuses between two Checks are a flood. */
const MAX_STATUSES = 100;

export class ReusedWatch {
  readonly #source: WatchSource;
  readonly #service: string;
  readonly #deps: ReusedWatchDeps;
  #state: "closed" | "open" | "unimplemented" = "closed";
  #lastStatus: ReportedStatus | undefined;
  /** Statuses since the last `ensureOpen`. */
  #statusCount = 0;
  #openedAt = 0;
  #retryAt = Number.NEGATIVE_INFINITY;
  #failedAttempts = 0;

  constructor(source: WatchSource, service: string, deps: ReusedWatchDeps) {
    this.#source = source;
    this.#service = service;
    this.#deps = deps;
  }

  /** Opens the Watch, unless it is open or must not be asked for yet. */
  ensureOpen(): void {
    this.#statusCount = 0;
    const now = this.#deps.clock.now();
    if (this.#state !== "closed" || now < this.#retryAt) return;
    this.#lastStatus = undefined;
    const isOpened = this.#source.watch(this.#service, {
      onStatus: (status) => this.#onStatus(status),
      onEnd: (end) => this.#onEnd(end),
    });
    if (!isOpened) return;
    this.#state = "open";
    this.#openedAt = now;
  }

  #onStatus(status: ReportedStatus): void {
    this.#statusCount += 1;
    if (this.#statusCount > MAX_STATUSES) throw new BrokenCall("protocol", "the target floods its Watch");
    // the first status is the one that the Check before has just seen
    const isChange = this.#lastStatus !== undefined && this.#lastStatus !== status;
    this.#lastStatus = status;
    if (isChange) this.#deps.onChange();
  }

  #onEnd(end: CallStatus | Error): void {
    if (hasStatus(end) && end.code === "UNIMPLEMENTED") {
      this.#state = "unimplemented";
      return;
    }
    this.#state = "closed";
    const isFlood = end instanceof BrokenCall && end.kind === "protocol";
    // a connection that grows old is replaced, and its Watch with it: that is no failure of the Watch
    const hasWorked = this.#lastStatus !== undefined && !isFlood;
    this.#failedAttempts = hasWorked ? 0 : this.#failedAttempts + 1;
    const isNews = hasWorked && !(end instanceof BrokenCall && end.kind === "cancelled");
    this.#retryAt = this.#openedAt + retryDelayMs(this.#failedAttempts, this.#deps.random);
    // a target that shuts down, or is killed, ends its Watches first
    if (isNews) this.#deps.onChange();
  }
}

/** The back-off of gRPC connections. Source: grpc/grpc doc/connection-backoff.md. */
const BASE_MS = 1_000;
const FACTOR = 1.6;
const MAX_MS = 120_000;
const JITTER = 0.2;

/**
 * Milliseconds from one attempt to the next, after so many failed ones in a row: 1 s, 1.6 times more for each, up to
 * 120 s, varied by 20 % so that the clients of one server don't come back in step.
 */
export function retryDelayMs(failedAttempts: number, random: Random): number {
  return Math.min(BASE_MS * FACTOR ** failedAttempts, MAX_MS) * (1 + JITTER * (2 * random() - 1));
}
