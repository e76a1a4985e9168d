/**
 * The health of one service at one backend, for all channels that share the connection (gRFC A17, "Client Workflow").
 *
 *     subscribe --> connecting --SERVING--> healthy <------> unhealthy
 *                       |  ^                              another status
 *                       |  '--- after the back-off -- the stream has ended
 *                       '------ UNIMPLEMENTED --> healthy, and not asked again on this connection
 *
 * It is asked only while there is a subscriber: from the moment when the connection is made until it ends.
 */
import type { CancelTimer, Clock, Random } from "../../core/clock.js";
import type { WatchStatus } from "../../core/serving-status.js";
import { GRPC_CODES, grpcCodeOf } from "../../wire/grpc-code.js";
import { WatchRetry } from "../watch-retry.js";
import type { WatchCallListener } from "./watch-call.js";

/** What is known of a backend. `text` says why it is not healthy. */
export type BackendHealth =
  | { readonly state: "connecting" }
  | { readonly state: "healthy" }
  | { readonly state: "unhealthy"; readonly text: string };

export interface HealthWatchDeps {
  readonly clock: Clock;
  readonly random: Random;
  /** Logs an error that the operator should know. */
  readonly logError: (text: string) => void;
}

/** Starts a Watch call. Returns a function that cancels it. */
export type StartWatch = (listener: WatchCallListener) => () => void;

const CONNECTING: BackendHealth = { state: "connecting" };
const HEALTHY: BackendHealth = { state: "healthy" };

export class HealthWatch {
  readonly #service: string;
  readonly #address: string;
  readonly #start: StartWatch;
  readonly #deps: HealthWatchDeps;
  readonly #subscribers = new Set<() => void>();
  #health = CONNECTING;
  #retry: WatchRetry;
  #cancelCall: () => void = () => {};
  #cancelTimer: CancelTimer = () => {};
  #hasLogged = false;

  /** @param backend the names that errors have */
  constructor(
    backend: { readonly service: string; readonly address: string },
    start: StartWatch,
    deps: HealthWatchDeps,
  ) {
    this.#service = backend.service;
    this.#address = backend.address;
    this.#start = start;
    this.#deps = deps;
    this.#retry = new WatchRetry(deps.clock, deps.random);
  }

  get health(): BackendHealth {
    return this.#health;
  }

  /** Calls `onChange` after each change of `health`. Returns an unsubscribe function; with the last one the Watch ends. */
  subscribe(onChange: () => void): () => void {
    const subscriber = () => onChange();
    this.#subscribers.add(subscriber);
    if (this.#subscribers.size === 1) this.#open();
    return () => {
      if (this.#subscribers.delete(subscriber) && this.#subscribers.size === 0) this.#stop();
    };
  }

  #open(): void {
    let hadMessage = false;
    this.#cancelCall = this.#start({
      onStatus: (status) => {
        hadMessage = true;
        this.#set(this.#healthOf(status));
      },
      onEnd: (code, text) => this.#onEnd(code, text, hadMessage),
    });
  }

  #onEnd(code: number, text: string, hadMessage: boolean): void {
    if (code === GRPC_CODES.UNIMPLEMENTED) {
      this.#logOnce();
      this.#set(HEALTHY);
      return;
    }
    const delayMs = this.#retry.delayMs(hadMessage);
    if (delayMs === 0) {
      this.#reopen();
      return;
    }
    const ended = `${grpcCodeOf(code)}${text === "" ? "" : `: ${text}`}`;
    this.#cancelTimer = this.#deps.clock.setTimer(delayMs, () => this.#reopen());
    this.#set(this.#unhealthy(`Health-check stream of '${this.#service}' ended with ${ended}`));
  }

  /** Calls wait for the first message of the new stream, and do not fail (A17: CONNECTING). */
  #reopen(): void {
    this.#open();
    this.#set(CONNECTING);
  }

  #stop(): void {
    this.#cancelTimer();
    this.#cancelCall();
    this.#health = CONNECTING;
    this.#retry = new WatchRetry(this.#deps.clock, this.#deps.random);
  }

  #healthOf(status: WatchStatus): BackendHealth {
    if (status === "SERVING") return HEALTHY;
    return this.#unhealthy(`Health-check service responded ${status} for '${this.#service}'`);
  }

  #unhealthy(text: string): BackendHealth {
    return { state: "unhealthy", text: `${this.#address}: ${text}` };
  }

  /** Comes last: a subscriber may unsubscribe, which ends the call and the timer that are there by then. */
  #set(health: BackendHealth): void {
    this.#health = health;
    for (const subscriber of [...this.#subscribers]) subscriber();
  }

  #logOnce(): void {
    if (this.#hasLogged) return;
    this.#hasLogged = true;
    this.#deps.logError(
      `${this.#address} has no health service (UNIMPLEMENTED): it is treated as healthy, without health checks`,
    );
  }
}
