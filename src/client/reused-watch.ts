/**
 * A Watch that is kept open beside Checks, as a source of news: something has changed, look now.
 *
 *     keep() --> open? --no--> back-off over? --yes--> Watch --first status--> known --another--> onNews
 *                                                         |
 *                                                         +--ended by the peer after it had spoken--> onNews
 *
 * What it says is not believed: a Check tells. So it need not be there, and a bad peer gains nothing by it: one that
 * refuses or ends it is not asked sooner than gRFC A17's back-off allows, one that chatters is not listened to, and
 * UNIMPLEMENTED is final. It has no timer: `keep` is called after each good look.
 */
import type { Clock, Random } from "../core/clock.js";
import { retryDelayMs } from "./backoff.js";
import { BrokenCall } from "./broken-call.js";
import { type CallStatus, hasStatus } from "./grpc-call.js";
import type { ReportedStatus, WatchListener } from "./health-client.js";

/** What time is, for whoever waits. */
export interface Time {
  readonly clock: Clock;
  readonly random: Random;
}

/** Where a Watch can be opened: a `HealthClient`. */
export interface WatchSource {
  watch(service: string, listener: WatchListener): boolean;
}

/** More statuses between two looks than any honest peer has. */
const MAX_STATUSES = 100;

export class ReusedWatch {
  readonly #source: WatchSource;
  readonly #service: string;
  readonly #time: Time;
  readonly #onNews: () => void;
  #state: "none" | "open" | "unimplemented" = "none";
  #last: ReportedStatus | undefined;
  /** Statuses since the last `keep`. */
  #told = 0;
  #openedAt = 0;
  #retryAt = Number.NEGATIVE_INFINITY;
  #vain = 0;

  /** @param onNews called when a look is worth while; never from within `keep` */
  constructor(source: WatchSource, service: string, options: Time & { readonly onNews: () => void }) {
    this.#source = source;
    this.#service = service;
    this.#time = options;
    this.#onNews = options.onNews;
  }

  /** Opens the Watch where there is none and it may be asked for. */
  keep(): void {
    this.#told = 0;
    const now = this.#time.clock.now();
    if (this.#state !== "none" || now < this.#retryAt) return;
    this.#last = undefined;
    const opened = this.#source.watch(this.#service, {
      onStatus: (status) => this.#onStatus(status),
      onEnd: (end) => this.#onEnd(end),
    });
    if (!opened) return;
    this.#state = "open";
    this.#openedAt = now;
  }

  #onStatus(status: ReportedStatus): void {
    this.#told += 1;
    if (this.#told > MAX_STATUSES) throw new BrokenCall("protocol", "the peer floods its Watch");
    // the first one is what the look before it has just seen
    const news = this.#last !== undefined && this.#last !== status;
    this.#last = status;
    if (news) this.#onNews();
  }

  #onEnd(end: CallStatus | Error): void {
    if (hasStatus(end) && end.code === "UNIMPLEMENTED") {
      this.#state = "unimplemented";
      return;
    }
    this.#state = "none";
    const ours = end instanceof BrokenCall && (end.kind === "cancelled" || end.kind === "protocol");
    const spoke = this.#last !== undefined && !ours;
    this.#vain = spoke ? 0 : this.#vain + 1;
    this.#retryAt = this.#openedAt + retryDelayMs(this.#vain, this.#time.random);
    // a peer that leaves, or is killed, ends its watches first
    if (spoke) this.#onNews();
  }
}
