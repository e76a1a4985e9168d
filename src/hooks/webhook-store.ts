/**
 * What one webhook stores in the journal of `stateDir`: the outages that it has told, and the messages that wait.
 *
 *     take --> commit: message and told states in one write --> first request      so kill -9 loses no message,
 *                                     delivered --> message is removed             and none gets another id
 *
 *     type              key              value
 *     webhook-told      WEBHOOK SERVICE  the change that was told
 *     webhook-message   WEBHOOK NUMBER   the message; the numbers are the order
 *
 * While the disk fails, messages are sent nevertheless, and what they are is in memory alone.
 */
import type { Journal } from "../telemetry/journal.js";
import type { JournalRecord } from "../telemetry/journal-lines.js";
import { type Message, readChange, readMessage, type ToldChange } from "./webhook-message.js";

export const TOLD = "webhook-told";
export const MESSAGE = "webhook-message";

/** What is needed of the journal. A fleet has another one. */
export type JournalOfWebhook = Pick<Journal, "entries" | "commit" | "put">;

/** A message with its place in the order. */
export interface StoredMessage {
  readonly number: number;
  readonly message: Message;
}

export class WebhookStore {
  readonly #journal: JournalOfWebhook | undefined;
  readonly #webhook: string;

  /** @param journal `undefined`: nothing survives a restart */
  constructor(journal: JournalOfWebhook | undefined, webhook: string) {
    this.#journal = journal;
    this.#webhook = webhook;
  }

  /**
   * The outages that an earlier process has told, by service. A crash may have cut the write of a message and its states
   * after the message, so the messages that wait count as well.
   */
  told(): ReadonlyMap<string, ToldChange> {
    const changes = this.#entries(TOLD).flatMap(([, value]) => readChange(value) ?? []);
    const told = new Map(changes.map((change) => [change.service, change]));
    for (const change of this.messages().flatMap(({ message }) => message.changes)) {
      if (change.status === "NOT_SERVING") told.set(change.service, change);
      else told.delete(change.service);
    }
    return told;
  }

  /** The messages that an earlier process has not delivered, in their order. */
  messages(): readonly StoredMessage[] {
    const stored = this.#entries(MESSAGE).flatMap(([rest, value]) => {
      const message = readMessage(value);
      return message === undefined ? [] : [{ number: Number(rest), message }];
    });
    return stored.sort((one, other) => one.number - other.number);
  }

  /** Stores what has become due. Resolves when it is on the disk, or when the disk has failed. */
  async save(
    told: readonly (readonly [service: string, outage: ToldChange | undefined])[],
    stored: StoredMessage | undefined,
  ): Promise<void> {
    const states = told.map(([service, outage]) => this.#record(TOLD, service, outage));
    const messages = stored === undefined ? [] : [this.#record(MESSAGE, String(stored.number), stored.message)];
    const records = [...messages, ...states];
    try {
      await this.#journal?.commit(records);
    } catch {
      // the journal has published the error; the values are written when the disk works again
      for (const { type, key, value } of records) this.#journal?.put(type, key, value);
    }
  }

  /** Stores another message at a number; `undefined`: it is delivered. */
  replace(number: number, message: Message | undefined): void {
    this.#journal?.put(MESSAGE, `${this.#webhook} ${number}`, message);
  }

  #record(type: string, rest: string, value: unknown): JournalRecord {
    return { type, key: `${this.#webhook} ${rest}`, value };
  }

  #entries(type: string): readonly (readonly [rest: string, value: unknown])[] {
    const prefix = `${this.#webhook} `;
    const own = (this.#journal?.entries(type) ?? []).filter(([key]) => key.startsWith(prefix));
    return own.map(([key, value]) => [key.slice(prefix.length), value]);
  }
}

/** Removes what is stored for webhooks that a configuration does not have. */
export function dropOthers(journal: Journal | undefined, webhooks: ReadonlySet<string>): void {
  for (const type of [TOLD, MESSAGE])
    for (const [key] of journal?.entries(type) ?? [])
      if (!webhooks.has(key.slice(0, key.indexOf(" ")))) journal?.put(type, key, undefined);
}
