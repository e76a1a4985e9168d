/**
 * One connection to a health service, and what is asked on it.
 *
 *     connect --> poll: List, or Check of each named service --> details, from healthbridge only (service-details)
 *                  ^                                         '--> Watch of the first services: their changes come at once
 *                  '------------------- interval ---------------'
 *
 * The poll decides. It finds new services, it notices a dead connection, and it verifies each Watch: after two polls in a
 * row that contradict a Watch, the Watch is not used any more. One disagreement alone may be an answer that a change has
 * overtaken.
 *
 * This is the only file that makes calls for `list` and `watch`.
 */
import { ConcurrencyLimit } from "../../checks/concurrency-limit.js";
import type { TokenRate } from "../../core/token-bucket.js";
import { statusName } from "../../wire/health-messages.js";
import { Cancellation } from "../probe/cancellation.js";
import { openCalls, type ReadyCalls } from "../probe/probe-attempt.js";
import { NOT_TAKEN } from "../probe/probe-calls.js";
import { probeClock } from "../probe/probe-clock.js";
import { SERVING, type ServiceOutcome } from "../probe/probe-outcome.js";
import type { ProbeSettings } from "../probe/probe-settings.js";
import { DetailsReader } from "./details-reader.js";
import { GONE, type ServiceDetails } from "./service-rows.js";
import { endOf, failureText, NO_HEALTH_SERVICE, type SessionEnd, tooManyServices } from "./session-end.js";
import { WatchedServices } from "./watched-services.js";

/** Receives what a server reports. */
export interface HealthListener {
  /** Called before the first status of a connection. */
  onConnected(): void;
  /** All services that the server has; called before their statuses. Without named services only. */
  onListed(services: ReadonlySet<string>): void;
  /** @param awaitsDetails `onDetails` follows, unless the connection ends first */
  onStatus(service: string, status: string, awaitsDetails: boolean): void;
  /** The server answers, but not with a status of this service. */
  onFault(service: string, fault: string): void;
  onDetails(service: string, details: ServiceDetails | undefined): void;
  /** A poll is complete. */
  onPolled(): void;
}

/** What a server can do, as far as it is known. It outlives a connection. */
export interface ServerTraits {
  hasWatch: boolean;
  /** Whether it reports more than the status; `undefined` before it was asked. */
  hasDetails: boolean | undefined;
}

/** What a session works with. */
export interface SessionDeps {
  readonly settings: ProbeSettings;
  /** The services to ask for. Default: all that the server lists. */
  readonly services: readonly string[] | undefined;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly listener: HealthListener;
  readonly traits: ServerTraits;
  /** Ends the session, and each wait in it. */
  readonly cancellation: Cancellation;
}

/** Calls and requests with one answer that run at the same time. */
const MAX_CALLS = 16;

/** Streams that no Watch takes: those of the calls, and two more. */
const RESERVED_STREAMS = MAX_CALLS + 2;

/** More services in a List are refused: a row of each is in memory. */
const MAX_SERVICES = 20_000;

/** What a List of all services and their details need at each poll. More is a flood. */
const FRAME_RATE: TokenRate = { burst: 20_000, perSecond: 4_000 };

/** The pause after a poll is at least so many times the duration of the poll: a slow server is not asked all the time. */
const MIN_PAUSE_FACTOR = 4;

const CLOSED: SessionEnd = { kind: "left" };

/** Connects. Resolves with a session, or why there is none. */
export async function openSession(deps: SessionDeps): Promise<HealthSession | SessionEnd> {
  const { settings, env, cancellation } = deps;
  const attempt = { settings, env, cancellation, verbose: () => {}, endsAt: undefined, frameRate: FRAME_RATE };
  const ready = await openCalls(attempt);
  return "failure" in ready ? endOf("connecting", ready.failure) : new HealthSession(ready, deps);
}

export class HealthSession {
  readonly #ready: ReadyCalls;
  readonly #deps: SessionDeps;
  readonly #limit: ConcurrencyLimit;
  readonly #watched: WatchedServices;
  readonly #details: DetailsReader;
  /** The last reported status of each service. */
  readonly #statuses = new Map<string, string>();
  readonly #ended = new Cancellation();
  #end: SessionEnd | undefined;
  #isConnected = false;

  constructor(ready: ReadyCalls, deps: SessionDeps) {
    const { traits, listener } = deps;
    const { maxConcurrentStreams } = ready.connection;
    this.#ready = ready;
    this.#deps = deps;
    this.#limit = new ConcurrencyLimit(setImmediate, Math.max(1, Math.min(MAX_CALLS, maxConcurrentStreams - 2)));
    this.#watched = new WatchedServices(maxConcurrentStreams - RESERVED_STREAMS, {
      clock: probeClock,
      random: Math.random,
    });
    const onDetails = listener.onDetails.bind(listener);
    this.#details = new DetailsReader({ ready, limit: this.#limit, traits, onDetails });
  }

  /** Polls once, and waits for all details. Resolves with how the session ended, if it did. */
  async pollOnce(): Promise<SessionEnd | undefined> {
    await this.#details.detect();
    const end = await this.#poll();
    await this.#details.settled();
    return end;
  }

  /** Polls until the connection ends, or it is cancelled. */
  async run(intervalMs: number): Promise<SessionEnd> {
    const stop = this.#deps.cancellation.onCancel(() => this.#finish(CLOSED));
    try {
      await this.#details.detect();
      for (;;) {
        const startedAt = probeClock.now();
        const end = (await this.#poll()) ?? this.#end;
        if (end !== undefined) return end;
        this.#deps.listener.onPolled();
        this.#openWatches();
        this.#details.refresh(this.#statuses);
        await this.#ended.pause(Math.max(intervalMs, MIN_PAUSE_FACTOR * (probeClock.now() - startedAt)));
        if (this.#end !== undefined) return this.#end;
      }
    } finally {
      stop();
      this.close();
    }
  }

  close(): void {
    this.#finish(CLOSED);
    this.#ready.connection.close();
  }

  #finish(end: SessionEnd): void {
    this.#end ??= end;
    this.#ended.cancel();
  }

  #poll(): Promise<SessionEnd | undefined> {
    const { services } = this.#deps;
    return services === undefined ? this.#pollList() : this.#pollChecks(services);
  }

  async #pollList(): Promise<SessionEnd | undefined> {
    const answer = await this.#limited(() => this.#ready.calls.list());
    if (this.#end !== undefined) return this.#end;
    if ("failure" in answer) {
      const hasNoList = answer.failure.kind === "failed" && answer.failure.code === "UNIMPLEMENTED";
      return hasNoList && (await this.#hasNoHealthService()) ? NO_HEALTH_SERVICE : endOf("List", answer.failure);
    }
    const { statuses } = answer;
    if (statuses.size > MAX_SERVICES) return tooManyServices(statuses.size, MAX_SERVICES);
    this.#noteConnected();
    this.#deps.listener.onListed(new Set(statuses.keys()));
    for (const service of this.#statuses.keys()) if (!statuses.has(service)) this.#statuses.delete(service);
    // a server may have more services than details can be asked for: those that are not SERVING come first
    for (const isServing of [false, true])
      for (const [service, number] of statuses)
        if ((number === SERVING) === isServing) this.#onPolled(service, statusName(number));
    return undefined;
  }

  async #hasNoHealthService(): Promise<boolean> {
    const outcome = await this.#limited(() => this.#ready.calls.check(""));
    return outcome?.kind === "failed" && outcome.code === "UNIMPLEMENTED";
  }

  /**
   * Check of each service that no Watch reports, or whose last Check has failed, and of one that a Watch reports: it finds a
   * dead connection too.
   */
  async #pollChecks(services: readonly string[]): Promise<SessionEnd | undefined> {
    const due = services.filter((service) => !this.#watched.isReported(service) || !this.#statuses.has(service));
    const verified = this.#watched.nextVerified();
    const asked = verified === undefined ? due : [...new Set([...due, verified])];
    const ends = await Promise.all(asked.map((service) => this.#pollCheck(service)));
    return ends.find((end) => end !== undefined);
  }

  async #pollCheck(service: string): Promise<SessionEnd | undefined> {
    const outcome = await this.#limited(() => this.#ready.calls.check(service));
    if (this.#end !== undefined) return this.#end;
    if (outcome === undefined) return endOf("Check", NOT_TAKEN);
    if (outcome.kind === "status") {
      this.#noteConnected();
      this.#onPolled(service, statusName(outcome.number));
      return undefined;
    }
    const isAnswer = outcome.kind === "failed" && this.#ready.connection.isOpen;
    if (!isAnswer || outcome.code === "UNIMPLEMENTED" || outcome.code === "UNAUTHENTICATED")
      return endOf("Check", outcome);
    this.#noteConnected();
    if (outcome.code === "NOT_FOUND") this.#onPolled(service, GONE);
    else this.#onFault(service, failureText("Check", outcome));
    return undefined;
  }

  #openWatches(): void {
    const { traits, services } = this.#deps;
    if (!traits.hasWatch) return;
    for (const service of this.#watched.takeUnwatched(services ?? this.#statuses.keys())) {
      const watching = this.#ready.calls.watch(service, (number) => this.#onWatched(service, statusName(number)));
      void watching.then((outcome) => this.#onWatchEnd(service, outcome));
    }
  }

  #onWatchEnd(service: string, outcome: ServiceOutcome): void {
    this.#watched.onEnd(service);
    const isUnimplemented = outcome.kind === "failed" && outcome.code === "UNIMPLEMENTED";
    // without a first status in time, the connection was closed: the next one does without Watch
    if (isUnimplemented || outcome.kind === "late") this.#deps.traits.hasWatch = false;
    if (outcome.kind === "late") this.#finish(CLOSED);
    // later: the call that caused the close has the better text than those that were closed with it
    else if (!this.#ready.connection.isOpen) setImmediate(() => this.#finish(endOf("Watch", outcome)));
  }

  #onPolled(service: string, status: string): void {
    if (this.#watched.acceptsPolled(service, status)) this.#onStatus(service, status);
  }

  #onWatched(service: string, status: string): void {
    if (this.#end === undefined && this.#watched.onStatus(service, status)) this.#onStatus(service, status);
  }

  #onStatus(service: string, status: string): void {
    if (this.#statuses.get(service) === status) return;
    this.#statuses.set(service, status);
    this.#deps.listener.onStatus(service, status, status !== GONE && this.#details.ask(service));
  }

  #onFault(service: string, fault: string): void {
    this.#statuses.delete(service);
    this.#deps.listener.onFault(service, fault);
  }

  #noteConnected(): void {
    if (!this.#isConnected) this.#deps.listener.onConnected();
    this.#isConnected = true;
  }

  /** Runs a call when there is room for it. */
  async #limited<Answer>(call: () => Promise<Answer>): Promise<Answer> {
    await new Promise<void>((resolve) => this.#limit.acquire(resolve));
    try {
      return await call();
    } finally {
      this.#limit.release();
    }
  }
}
