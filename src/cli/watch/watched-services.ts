/**
 * Which services of a connection are watched, and whether the status of their Watch is used.
 *
 *     not watched --> open, no status yet --> reported <--> contradicted by one poll
 *         ^                    |                 |               '--by two in a row--> ignored for the rest of the connection
 *         '---- back-off ------+--- ended -------'
 *
 * A poll can begin before a Watch sends its status, and end after it. So one contradiction is ignored.
 */
import { retryDelayMs } from "../../client/reused-watch.js";
import type { Clock, Random } from "../../core/clock.js";

/** A Watch holds a stream of the server for as long as it runs. Further services are polled. */
export const MAX_WATCHES = 100;

const MAX_CONTRADICTIONS = 2;

interface WatchedService {
  isOpen: boolean;
  /** The last status; `undefined` before the first one, and after the end. */
  status: string | undefined;
  contradictions: number;
  isIgnored: boolean;
  endings: number;
  retryAt: number;
}

export class WatchedServices {
  readonly #maxWatches: number;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #services = new Map<string, WatchedService>();
  #openCount = 0;
  #verified = 0;

  /** @param room streams that the connection has for Watch */
  constructor(room: number, { clock, random }: { readonly clock: Clock; readonly random: Random }) {
    this.#maxWatches = Math.min(MAX_WATCHES, room);
    this.#clock = clock;
    this.#random = random;
  }

  /** Services to open a Watch for, as far as there is room. They count as open from here on. */
  takeUnwatched(services: Iterable<string>): readonly string[] {
    const taken: string[] = [];
    for (const service of services) {
      if (this.#openCount >= this.#maxWatches) break;
      const known = this.#services.get(service);
      if (known?.isOpen === true || (known !== undefined && this.#clock.now() < known.retryAt)) continue;
      const before = known ?? { endings: 0, retryAt: 0 };
      this.#services.set(service, { ...before, isOpen: true, status: undefined, contradictions: 0, isIgnored: false });
      this.#openCount += 1;
      taken.push(service);
    }
    return taken;
  }

  /** A Watch has sent a status. Returns whether it counts. */
  onStatus(service: string, status: string): boolean {
    const watched = this.#services.get(service);
    if (watched === undefined || watched.isIgnored) return false;
    watched.status = status;
    watched.contradictions = 0;
    return true;
  }

  onEnd(service: string): void {
    const watched = this.#services.get(service);
    if (watched === undefined) return;
    this.#openCount -= 1;
    watched.isOpen = false;
    watched.endings = watched.status === undefined ? watched.endings + 1 : 0;
    watched.status = undefined;
    watched.retryAt = this.#clock.now() + retryDelayMs(watched.endings, this.#random);
  }

  /** Whether a Watch reports the status of the service. */
  isReported(service: string): boolean {
    const watched = this.#services.get(service);
    return watched?.status !== undefined && !watched.isIgnored;
  }

  /** A poll has found a status. Returns whether it counts. */
  acceptsPolled(service: string, status: string): boolean {
    const watched = this.#services.get(service);
    if (watched === undefined || !this.isReported(service)) return true;
    if (watched.status === status) {
      watched.contradictions = 0;
      return true;
    }
    watched.contradictions += 1;
    watched.isIgnored = watched.contradictions >= MAX_CONTRADICTIONS;
    return watched.isIgnored;
  }

  /** One reported service after the other, for a poll that verifies it. */
  nextVerified(): string | undefined {
    const reported = [...this.#services.keys()].filter((service) => this.isReported(service));
    this.#verified += 1;
    return reported[this.#verified % Math.max(1, reported.length)];
  }
}
