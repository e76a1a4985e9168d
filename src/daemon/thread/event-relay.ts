/**
 * Carries messages of the diagnostics channels to the other thread: each thread of Node has channels of its own.
 *
 *     channels of this thread --> collected (equal ones are counted) --> take() --> the other thread --> publish()
 *
 * What is published here for the other thread is not carried back. The number of different messages that wait is bounded.
 */
import { type ChannelMessages, type Published, publish, subscribe } from "../../core/channels.js";
import { messageOf, stackOf } from "../../core/health-error.js";
import type { RelayedEvent } from "./messages.js";

/** What a listener thread publishes, which the application or the log of the main thread reads. */
export const OF_LISTENER = [
  ...[
    "call",
    "http-request",
    "connection-ended",
    "client-refused",
    "proxy-header-refused",
    "listener-failed",
    "main-thread-stalled",
    "fault",
  ],
] as const satisfies readonly (keyof ChannelMessages)[];

/** What the metrics of a listener thread count. */
export const OF_MAIN = [
  ...["transition", "probe", "prober-failed", "result-dropped", "stall", "probes-late", "isolation"],
  ...[
    "call",
    "http-request",
    "client-refused",
    "proxy-header-refused",
    "log-dropped",
    "reload",
    "file-reload-failed",
    "maintenance",
    "recovery",
    "webhook",
  ],
] as const satisfies readonly (keyof ChannelMessages)[];

/** Messages that wait. More are dropped, and a fault says so. */
const MAX_WAITING = 10_000;

export class EventRelay {
  readonly #instance: string;
  readonly #onEvent: () => void;
  readonly #unsubscribes: readonly (() => void)[];
  /** Messages that differ, in order; the repeated kinds by their text. */
  #waiting = new Map<string | number, RelayedEvent>();
  #dropped = 0;
  #isRepublishing = false;

  /** @param onEvent called for each message that waits */
  constructor(instance: string, names: readonly (keyof ChannelMessages)[], onEvent: () => void = () => {}) {
    this.#instance = instance;
    this.#onEvent = onEvent;
    this.#unsubscribes = names.map((name) => subscribe(name, (message) => this.#collect(name, message)));
  }

  get isEmpty(): boolean {
    return this.#waiting.size === 0;
  }

  /** Takes what waits. */
  take(): readonly RelayedEvent[] {
    const events = [...this.#waiting.values()];
    if (this.#dropped > 0) {
      const error = new Error(`${this.#dropped} messages for another thread were dropped: it was blocked`);
      events.push({ name: "fault", message: { where: "event relay", error }, count: 1 });
    }
    this.#waiting = new Map();
    this.#dropped = 0;
    return events;
  }

  /** Publishes what the other thread has taken. */
  publish(events: readonly RelayedEvent[]): void {
    this.#isRepublishing = true;
    try {
      for (const { name, message, count } of events)
        for (let copy = 0; copy < count; copy += 1) publishFor(this.#instance, name, message);
    } finally {
      this.#isRepublishing = false;
    }
  }

  close(): void {
    for (const unsubscribe of this.#unsubscribes) unsubscribe();
  }

  #collect<Name extends keyof ChannelMessages>(name: Name, message: Published<Name>): void {
    if (this.#isRepublishing || message.instance !== this.#instance) return;
    const key = keyOf(message) ?? this.#waiting.size;
    const known = this.#waiting.get(key);
    if (known !== undefined) known.count += 1;
    else if (this.#waiting.size >= MAX_WAITING) this.#dropped += 1;
    else {
      const event = { name, message: plain(message), count: 1 };
      this.#waiting.set(key, event as unknown as RelayedEvent); // the message belongs to the name
      this.#onEvent();
    }
  }
}

function publishFor<Name extends keyof ChannelMessages>(
  instance: string,
  name: Name,
  message: ChannelMessages[Name],
): void {
  publish(name, { instance, ...message });
}

/** The same for equal messages of the kinds that come for each answer; `undefined` for all others. */
function keyOf(message: Published<keyof ChannelMessages>): string | undefined {
  if ("method" in message) return `${message.method} ${message.code}`;
  return "route" in message ? `${message.route} ${message.status}` : undefined;
}

/** The same message with values that can cross to another thread: an error may hold anything. */
function plain({ instance, ...message }: Published<keyof ChannelMessages>): object {
  if (!("error" in message) || message.error === undefined) return message;
  const { error } = message;
  const copy = new Error(messageOf(error));
  copy.stack = stackOf(error);
  return { ...message, error: copy };
}
