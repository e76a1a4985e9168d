/**
 * Asks a server that is healthbridge for the details of its services: of a service whose status is new, and at each poll of
 * some others, because a reason can change without the status.
 *
 * Answers may be long, for a service over many checks. Their number is limited by their length, so that the client stays
 * below the rate of frames at which it takes a server for a flooding one.
 */
import type { ConcurrencyLimit } from "../../checks/concurrency-limit.js";
import { TokenBucket, type TokenRate } from "../../core/token-bucket.js";
import type { ReadyCalls } from "../probe/probe-attempt.js";
import { probeClock } from "../probe/probe-clock.js";
import type { HealthListener, ServerTraits } from "./health-session.js";
import { askDetails } from "./service-details.js";

/** The limit of frames that a server may send as answers to requests for details. */
const ANSWER_RATE: TokenRate = { burst: 8_000, perSecond: 2_000 };

/** HEADERS, DATA and one more; each kilobyte counts as a further frame. */
const FRAMES_OF_ANSWER = 4;
const FRAME_BYTES = 1_024;

/** How many are asked for again at each poll. */
const MAX_REFRESHED = 20;

/** A status that is not SERVING has a reason, which people read: it is asked for again this much more often. */
const UNHEALTHY_WEIGHT = 5;

export interface DetailsReaderDeps {
  readonly ready: ReadyCalls;
  readonly limit: ConcurrencyLimit;
  readonly traits: ServerTraits;
  readonly onDetails: HealthListener["onDetails"];
}

export class DetailsReader {
  readonly #deps: DetailsReaderDeps;
  readonly #budget = new TokenBucket(probeClock, ANSWER_RATE);
  readonly #askedAt = new Map<string, number>();
  /** Services that are being asked for. True: the status has changed meanwhile, so they are asked for again. */
  readonly #running = new Map<string, boolean>();
  readonly #done = new Set<Promise<void>>();
  #largestBytes = 0;

  constructor(deps: DetailsReaderDeps) {
    this.#deps = deps;
  }

  /**
   * Finds out whether the server has details. The service `""` is known to each healthbridge. A server that closes the
   * connection because of the request is not asked again.
   */
  async detect(): Promise<void> {
    const { traits, ready } = this.#deps;
    if (traits.hasDetails !== undefined) return;
    const { details } = await askDetails(ready.connection, "", ready.callSettings);
    traits.hasDetails = details !== undefined;
  }

  /** Asks for the details of a service. Returns whether `onDetails` will be called. */
  ask(service: string): boolean {
    if (this.#deps.traits.hasDetails !== true) return false;
    if (this.#running.has(service)) {
      this.#running.set(service, true);
      return true;
    }
    if (!this.#budget.take(FRAMES_OF_ANSWER + Math.ceil(this.#largestBytes / FRAME_BYTES))) return false;
    const done = this.#run(service).finally(() => this.#done.delete(done));
    this.#done.add(done);
    return true;
  }

  /** Asks again for those that were asked for the longest time ago. */
  refresh(services: ReadonlyMap<string, string>): void {
    if (this.#deps.traits.hasDetails !== true) return;
    const now = probeClock.now();
    const ages = [...services].map(([service, status]) => {
      const age = now - (this.#askedAt.get(service) ?? Number.NEGATIVE_INFINITY);
      return [service, status === "SERVING" ? age : age * UNHEALTHY_WEIGHT] as const;
    });
    ages.sort(([, one], [, other]) => (one === other ? 0 : other - one));
    for (const [service] of ages.slice(0, MAX_REFRESHED)) this.ask(service);
    for (const service of this.#askedAt.keys()) if (!services.has(service)) this.#askedAt.delete(service);
  }

  /** Resolves when all details have come that were asked for. */
  async settled(): Promise<void> {
    await Promise.all(this.#done);
  }

  async #run(service: string): Promise<void> {
    const { ready, limit, onDetails } = this.#deps;
    for (let isAgain = true; isAgain; ) {
      this.#running.set(service, false);
      this.#askedAt.set(service, probeClock.now());
      await new Promise<void>((resolve) => limit.acquire(resolve));
      const { details, bytes } = await askDetails(ready.connection, service, ready.callSettings);
      limit.release();
      this.#largestBytes = Math.max(this.#largestBytes, bytes);
      isAgain = this.#running.get(service) === true;
      if (isAgain) continue;
      this.#running.delete(service);
      onDetails(service, details);
    }
  }
}
