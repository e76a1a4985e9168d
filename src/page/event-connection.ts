/**
 * The connection to `/events`. It is opened again whenever it ends, and continues after the last event that arrived.
 *
 *              first bytes                  end, error, silence, another code than 200
 *     opening ------------> live     opening, live ---------------------------------------> lost
 *        ^                                                                                   |
 *        '-------------------- after 2 s, 4 s, ... 30 s, or `retryNow` ----------------------'
 *
 * The server sends at least a heartbeat every 15 s. Without one for 40 s the connection is lost, whatever TCP says.
 */
import type { PageClock } from "./browser-clock.js";
import { EventParser, type ServerEvent } from "./event-parser.js";

/** What the page knows about its connection. */
export type StreamState =
  | { readonly kind: "opening" }
  | { readonly kind: "live" }
  /** `code`: of an answer other than 200. `retryAt`: wall time in milliseconds. */
  | { readonly kind: "lost"; readonly code: number | undefined; readonly retryAt: number }
  | { readonly kind: "closed" };

export interface EventConnectionDeps {
  readonly url: string;
  readonly fetch: (url: string, init: RequestInit) => Promise<Response>;
  readonly clock: PageClock;
  /** Returns a number of [0, 1). */
  readonly random: () => number;
  readonly onEvent: (event: ServerEvent) => void;
  readonly onState: (state: StreamState) => void;
}

const SILENCE_MS = 40_000;

/** The server writes as soon as it has accepted a stream. */
const OPENING_SILENCE_MS = 10_000;

const CHECK_MS = 1_000;

const MIN_RETRY_MS = 2_000;
const MAX_RETRY_MS = 30_000;

/** One attempt: the answer to one request. */
interface StreamRequest {
  readonly abort: AbortController;
  hasBytes: boolean;
}

export class EventConnection {
  readonly #deps: EventConnectionDeps;
  #attempt: StreamRequest | undefined;
  #cancelTimer: (() => void) | undefined;
  #lastId = "";
  /** Wall time of the last byte, or of the request. */
  #heardAt = 0;
  #knownAt: number;
  #failures = 0;
  #state: StreamState = { kind: "closed" };

  constructor(deps: EventConnectionDeps) {
    this.#deps = deps;
    this.#knownAt = deps.clock.wallTime();
  }

  /** Wall time of the last byte: so old may the statuses be. Before the first one, that of the start. */
  get knownAt(): number {
    return this.#knownAt;
  }

  get state(): StreamState {
    return this.#state;
  }

  /** Opens the connection, if it is closed. */
  open(): void {
    if (this.#state.kind === "closed") this.#connect();
  }

  /** Opens the connection now, if it waits for its next attempt. */
  retryNow(): void {
    if (this.#state.kind === "lost") this.#connect();
  }

  /** Closes the connection until `open`. The next events continue from the last one. */
  close(): void {
    this.#stop();
    this.#setState({ kind: "closed" });
  }

  #connect(): void {
    this.#stop();
    const attempt: StreamRequest = { abort: new AbortController(), hasBytes: false };
    this.#attempt = attempt;
    this.#heardAt = this.#deps.clock.wallTime();
    this.#setState({ kind: "opening" });
    this.#watchSilence(attempt);
    this.#read(attempt).then(
      (code) => this.#lose(attempt, code),
      () => this.#lose(attempt, undefined),
    );
  }

  /** Reads until the end of the stream. Returns the code of an answer that is not a stream. */
  async #read(attempt: StreamRequest): Promise<number | undefined> {
    const { url, fetch } = this.#deps;
    const headers = { accept: "text/event-stream", ...(this.#lastId === "" ? {} : { "last-event-id": this.#lastId }) };
    const response = await fetch(url, { headers, signal: attempt.abort.signal });
    if (response.status !== 200 || response.body === null) {
      this.#failures = Math.max(this.#failures, retryAfterFailures(response.headers.get("retry-after")));
      await response.body?.cancel();
      return response.status;
    }
    const parser = new EventParser();
    const decoder = new TextDecoder();
    const reader = response.body.getReader();
    for (;;) {
      const { done, value } = await reader.read();
      if (done || attempt !== this.#attempt) return undefined;
      this.#heardAt = this.#deps.clock.wallTime();
      this.#knownAt = this.#heardAt;
      this.#becomeLive(attempt);
      for (const event of parser.push(decoder.decode(value, { stream: true }))) this.#take(event);
    }
  }

  #becomeLive(attempt: StreamRequest): void {
    if (attempt.hasBytes) return;
    attempt.hasBytes = true;
    this.#failures = 0;
    this.#setState({ kind: "live" });
  }

  #take(event: ServerEvent): void {
    if (event.id !== undefined) this.#lastId = event.id;
    this.#deps.onEvent(event);
  }

  #lose(attempt: StreamRequest, code: number | undefined): void {
    if (attempt !== this.#attempt) return;
    this.#stop();
    const { clock, random } = this.#deps;
    const longestMs = Math.min(MAX_RETRY_MS, MIN_RETRY_MS * 2 ** this.#failures);
    // not all pages that a server has lost may come back at the same moment
    const waitMs = longestMs * (0.75 + random() / 4);
    this.#failures += 1;
    this.#cancelTimer = clock.setTimer(waitMs, () => this.#connect());
    this.#setState({ kind: "lost", code, retryAt: clock.wallTime() + waitMs });
  }

  #watchSilence(attempt: StreamRequest): void {
    const { clock } = this.#deps;
    this.#cancelTimer = clock.setTimer(CHECK_MS, () => {
      const limitMs = attempt.hasBytes ? SILENCE_MS : OPENING_SILENCE_MS;
      if (Math.abs(clock.wallTime() - this.#heardAt) > limitMs) this.#lose(attempt, undefined);
      else this.#watchSilence(attempt);
    });
  }

  #stop(): void {
    this.#cancelTimer?.();
    const attempt = this.#attempt;
    this.#attempt = undefined;
    attempt?.abort.abort();
  }

  #setState(state: StreamState): void {
    this.#state = state;
    this.#deps.onState(state);
  }
}

/** As many failures as lead to a wait of at least so many seconds. */
function retryAfterFailures(header: string | null): number {
  const seconds = Number(header ?? 0);
  return seconds > 0 ? Math.ceil(Math.log2((seconds * 1_000) / MIN_RETRY_MS)) : 0;
}
