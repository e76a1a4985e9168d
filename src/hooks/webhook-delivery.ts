/**
 * Delivers the messages of one webhook: in order, one request at a time, each until it is delivered or rejected.
 *
 *     push --> [ message 7, 8, 9 ] --> stored? --> send 7 --> delivered, rejected: next
 *                     |                              '------> retry: after 1 s, 2 s, 4 s ... 5 min, or Retry-After
 *                     '-- too many: the oldest that are not being sent are folded into one
 *
 * The pauses vary by up to a half, so that many daemons do not ask a receiver that is back at the same moment.
 */
import { background } from "../core/background.js";
import { publish } from "../core/channels.js";
import type { CancelTimer, Clock, Random } from "../core/clock.js";
import type { WebhookClient } from "./webhook-client.js";
import { fold, type Message, type ToldChange } from "./webhook-message.js";
import type { WebhookStore } from "./webhook-store.js";

/** What a delivery needs of the client. */
export type Sender = Pick<WebhookClient, "send" | "close">;

export interface DeliveryDeps {
  readonly webhook: string;
  readonly instance: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly store: WebhookStore;
}

/** How far a delivery is. */
export interface DeliveryProgress {
  /** Messages that are not delivered yet. */
  readonly pending: number;
  /** Requests without success, one after the other. */
  readonly failures: number;
  /** Why the last request had no success; `undefined` after a delivery. */
  readonly detail: string | undefined;
}

/** More messages, or more changes in all of them together, are folded. */
const MAX_MESSAGES = 1_000;
const MAX_CHANGES = 5_000;

const MIN_PAUSE_MS = 1_000;
const MAX_PAUSE_MS = 300_000;

/** The pauses reach the maximum before: a larger exponent would be no number. */
const MAX_EXPONENT = 20;

interface QueuedMessage {
  readonly number: number;
  readonly message: Message;
  /** Resolves when it is on the disk: it is not sent before. */
  readonly stored: Promise<void>;
}

export class WebhookDelivery {
  readonly #deps: DeliveryDeps;
  #sender: Sender;
  /** That of the last request. */
  #sending: Sender;
  readonly #queue: QueuedMessage[] = [];
  #changes = 0;
  #nextNumber = 1;
  /** Requests without success, one after the other. */
  #failures = 0;
  #detail: string | undefined;
  #running: Promise<void> | undefined;
  #endPause: () => void = () => {};
  #endStoring: () => void = () => {};
  #isClosed = false;
  #isAborted = false;

  /** Takes up the messages that an earlier process has not delivered. */
  constructor(sender: Sender, deps: DeliveryDeps) {
    this.#sender = sender;
    this.#sending = sender;
    this.#deps = deps;
    for (const { number, message } of deps.store.messages()) {
      this.#add({ number, message, stored: Promise.resolve() });
      this.#nextNumber = number + 1;
    }
    this.#run();
  }

  get progress(): DeliveryProgress {
    return { pending: this.#queue.length, failures: this.#failures, detail: this.#detail };
  }

  /** Adds a change, with the states that it tells. They are stored together. */
  push(
    message: Message | undefined,
    told: readonly (readonly [service: string, outage: ToldChange | undefined])[],
  ): void {
    const stored = this.#deps.store.save(told, message && { number: this.#nextNumber, message });
    if (message !== undefined) this.#enqueue(message, stored);
  }

  /** Adds a reminder, if nothing waits. It is not stored: the next process makes its own. */
  remind(message: Message): void {
    if (this.#queue.length === 0) this.#enqueue(message, Promise.resolve());
  }

  /** Sends with another sender from now on, and tries at once. A request that runs goes on. */
  setSender(sender: Sender): void {
    this.#sender = sender;
    this.#endPause();
  }

  /**
   * Ends the delivery. What waits stays in the store. Resolves when no request runs; until `graceMs` have passed, what waits
   * is still sent, unless a request fails.
   */
  async close(graceMs: number): Promise<void> {
    this.#isClosed = true;
    this.#endPause();
    const cancel = this.#deps.clock.setTimer(graceMs, () => this.#abort());
    await this.#running?.catch(() => {}); // `background` has published it
    cancel();
    this.#abort();
  }

  #abort(): void {
    this.#isAborted = true;
    this.#queue.length = 0;
    this.#endStoring();
    this.#sending.close();
  }

  #enqueue(message: Message, stored: Promise<void>): void {
    this.#add({ number: this.#nextNumber, message, stored });
    this.#nextNumber += 1;
    this.#publish("queued", undefined);
    this.#foldSurplus();
    this.#run();
  }

  #add(entry: QueuedMessage): void {
    this.#queue.push(entry);
    this.#changes += entry.message.changes.length;
  }

  #foldSurplus(): void {
    // the first may be on its way: it stays as it is
    while (this.#queue.length > 2 && (this.#queue.length > MAX_MESSAGES || this.#changes > MAX_CHANGES)) {
      const [, first, second] = this.#queue;
      if (first === undefined || second === undefined) return;
      const message = fold(first.message, second.message);
      const before = first.message.changes.length + second.message.changes.length;
      this.#queue.splice(1, 2, { ...second, message });
      this.#changes -= before - message.changes.length;
      this.#deps.store.replace(first.number, undefined);
      this.#deps.store.replace(second.number, message);
      this.#publish("folded", undefined);
      if (message.changes.length === before) return; // each service has one change: there is nothing to leave out
    }
  }

  #run(): void {
    const { instance, webhook } = this.#deps;
    if (this.#running !== undefined || this.#queue.length === 0) return;
    this.#running = this.#deliverAll().finally(() => {
      this.#running = undefined;
    });
    background(this.#running, instance, `webhook ${webhook}`);
  }

  async #deliverAll(): Promise<void> {
    for (let [entry] = this.#queue; entry !== undefined; [entry] = this.#queue) {
      await this.#storing(entry);
      if (this.#isAborted) return;
      this.#sending = this.#sender;
      const result = await this.#sending.send(entry.message);
      if (result.kind === "retry") {
        this.#failures += 1;
        this.#detail = result.detail;
        this.#publish("retry", result.detail);
        if (this.#isClosed) return;
        await this.#pause(this.#pauseMs(result.retryAfterMs));
        if (this.#isClosed) return;
        continue;
      }
      this.#queue.shift();
      this.#changes -= entry.message.changes.length;
      if (entry.message.kind === "change") this.#deps.store.replace(entry.number, undefined);
      this.#detail = result.kind === "rejected" ? result.detail : undefined;
      this.#publish(result.kind, this.#detail);
      this.#failures = 0;
    }
  }

  /** Resolves when a message is on the disk. A disk that hangs must not delay the end. */
  #storing({ stored }: QueuedMessage): Promise<void> {
    return new Promise((resolve) => {
      this.#endStoring = resolve;
      void stored.then(resolve);
    });
  }

  #pauseMs(retryAfterMs: number | undefined): number {
    const exponent = Math.min(this.#failures - 1, MAX_EXPONENT);
    const pauseMs = Math.min(MIN_PAUSE_MS * 2 ** exponent, MAX_PAUSE_MS) * (0.5 + this.#deps.random() / 2);
    return retryAfterMs === undefined ? pauseMs : Math.max(retryAfterMs, MIN_PAUSE_MS);
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      let cancel: CancelTimer = () => {};
      this.#endPause = () => {
        cancel();
        resolve();
      };
      cancel = this.#deps.clock.setTimer(ms, resolve);
    });
  }

  #publish(outcome: "queued" | "delivered" | "retry" | "rejected" | "folded", detail: string | undefined): void {
    const { instance, webhook } = this.#deps;
    const failures = this.#failures;
    publish("webhook", { instance, webhook, outcome, pending: this.#queue.length, failures, detail });
  }
}
