/**
 * Asks the server for the HTML of the page again: for strips, for services that are new or gone, for another range.
 *
 *     ask --at once, if the last one is 2 s ago--> fetch --> HTML --DOMParser--> onPage
 *     ask --> ask --> ask --later, once--------------^
 *
 * One request runs at a time. Its HTML may be older than events that arrive meanwhile: the page shows their statuses over it.
 */
import type { PageClock } from "./browser-clock.js";

export interface PageRefreshDeps {
  readonly clock: PageClock;
  /** The URL of the HTML that is needed now. */
  readonly url: () => string;
  readonly fetch: (url: string, init: RequestInit) => Promise<Response>;
  readonly onPage: (html: string) => void;
}

const MIN_PAUSE_MS = 2_000;

/** A page of 10,000 services over a slow line. */
const TIMEOUT_MS = 60_000;

export class PageRefresh {
  readonly #deps: PageRefreshDeps;
  #lastAt = Number.NEGATIVE_INFINITY;
  #isRunning = false;
  #isAsked = false;
  #cancelTimer: (() => void) | undefined;

  constructor(deps: PageRefreshDeps) {
    this.#deps = deps;
  }

  /** Time of the last request, in milliseconds. */
  get lastAt(): number {
    return this.#lastAt;
  }

  /** Fetches the page, at least 2 s after the last time. */
  ask(): void {
    this.#isAsked = true;
    if (this.#isRunning || this.#cancelTimer !== undefined) return;
    const waitMs = this.#lastAt + MIN_PAUSE_MS - this.#deps.clock.wallTime();
    if (waitMs <= 0 || waitMs > MIN_PAUSE_MS) this.#start();
    else this.#cancelTimer = this.#deps.clock.setTimer(waitMs, () => this.#start());
  }

  #start(): void {
    this.#cancelTimer = undefined;
    this.#isAsked = false;
    this.#isRunning = true;
    this.#lastAt = this.#deps.clock.wallTime();
    // an error shows at the connection for events as well; the next request comes with the next need
    void this.#fetch()
      .catch(() => undefined)
      .then((html) => {
        this.#isRunning = false;
        if (html !== undefined) this.#deps.onPage(html);
        if (this.#isAsked) this.ask();
      });
  }

  async #fetch(): Promise<string | undefined> {
    const { url, fetch } = this.#deps;
    const signal = AbortSignal.timeout(TIMEOUT_MS);
    const response = await fetch(url(), { headers: { accept: "text/html" }, signal });
    const isPage = response.headers.get("content-type")?.startsWith("text/html") === true;
    return isPage ? response.text() : undefined;
  }
}
