/**
 * Tells a screen reader what has changed, at most once in 5 s: an outage of 500 services is one sentence.
 *
 *     orders is not serving --.
 *     cart is serving --------+--5 s--> "orders is not serving: no answer within the timeout. cart is serving."
 */
import { reasonWords } from "../core/reasons.js";
import { statusWords } from "../core/status-words.js";
import type { PageClock } from "./browser-clock.js";
import type { LiveStatus } from "./statuses.js";

export interface AnnouncementsDeps {
  readonly clock: PageClock;
  readonly say: (text: string) => void;
}

const PAUSE_MS = 5_000;

/** With more changes, only their numbers are told. */
const MAX_SENTENCES = 3;

export class Announcements {
  readonly #deps: AnnouncementsDeps;
  readonly #waiting = new Map<string, LiveStatus | undefined>();
  #cancelPause: (() => void) | undefined;

  constructor(deps: AnnouncementsDeps) {
    this.#deps = deps;
  }

  /** A service has another status; `undefined`: it was removed. */
  add(name: string, status: LiveStatus | undefined): void {
    this.#waiting.set(name, status);
    if (this.#cancelPause === undefined) this.#say();
  }

  /** The first change is told at once, and those that follow after the pause. */
  #say(): void {
    this.#cancelPause = undefined;
    if (this.#waiting.size === 0) return;
    const text = announcementOf(this.#waiting);
    this.#waiting.clear();
    this.#deps.say(text);
    this.#cancelPause = this.#deps.clock.setTimer(PAUSE_MS, () => this.#say());
  }
}

/** What is said about some changes. */
export function announcementOf(changes: ReadonlyMap<string, LiveStatus | undefined>): string {
  if (changes.size <= MAX_SENTENCES) return [...changes].map(([name, status]) => sentenceOf(name, status)).join(" ");
  const counts = new Map<string, number>();
  for (const status of changes.values()) {
    const words = wordsOf(status);
    counts.set(words, (counts.get(words) ?? 0) + 1);
  }
  const parts = [...counts].map(([words, count]) => `${count} ${words}`);
  return `${changes.size} services have changed: ${parts.join(", ")}.`;
}

function sentenceOf(name: string, status: LiveStatus | undefined): string {
  const reason = status === undefined || status.reason === "" ? "" : `: ${reasonWords(status.reason) ?? status.reason}`;
  return `${name === "" ? "The server" : name} is ${wordsOf(status)}${reason}.`;
}

function wordsOf(status: LiveStatus | undefined): string {
  return statusWords(status?.status ?? "SERVICE_UNKNOWN", status?.degraded ?? false);
}
