/**
 * When the page is connected: always while it can be seen, and for a moment each minute while it is hidden.
 *
 *     visible   --------- connected ---------
 *     hidden    10 s connected, then   .  .  .   5 s each minute: the title and the icon of the tab stay right
 *
 * A browser has 6 connections to a server over HTTP/1.1. With a stream in each of many tabs, the next tab could not load.
 */
import type { PageClock } from "./browser-clock.js";

export interface PresenceDeps {
  readonly clock: PageClock;
  readonly connection: { open(): void; close(): void };
}

const HIDDEN_MS = 10_000;
const PAUSE_MS = 60_000;
const LOOK_MS = 5_000;

export class Presence {
  readonly #deps: PresenceDeps;
  #cancelTimer: (() => void) | undefined;

  constructor(deps: PresenceDeps) {
    this.#deps = deps;
  }

  show(): void {
    this.#cancelTimer?.();
    this.#deps.connection.open();
  }

  hide(): void {
    this.#after(HIDDEN_MS, () => this.#pause());
  }

  /** The page is left. It may come back by `show`. */
  leave(): void {
    this.#cancelTimer?.();
    this.#deps.connection.close();
  }

  #pause(): void {
    this.#deps.connection.close();
    this.#after(PAUSE_MS, () => this.#look());
  }

  #look(): void {
    this.#deps.connection.open();
    this.#after(LOOK_MS, () => this.#pause());
  }

  #after(delayMs: number, action: () => void): void {
    this.#cancelTimer?.();
    this.#cancelTimer = this.#deps.clock.setTimer(delayMs, action);
  }
}
