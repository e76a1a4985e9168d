/**
 * What one webhook of a fleet has told, and what it has still to send: the same for all members, as one text in the store.
 *
 *     take --> commit: message and told states in one text --> first request      so the next notifier sends what this
 *                                   delivered --> message is removed              one has not, with the same ids
 *
 * It stands in for the journal of `stateDir`, which one machine has alone. Each service has the number of its last change.
 * Of two texts, the change with the higher number counts. So members that were apart agree, in whatever order they write.
 * The id of a change follows from the epoch, its service and its number: two members that tell the same use the same id.
 * The epoch is new when all members and the store have lost the text: an id is never used for another change.
 */
import { createHash, randomBytes } from "node:crypto";
import { type Message, readChange, readMessage, type ToldChange, type ToldStatus } from "./webhook-message.js";
import { type JournalOfWebhook, MESSAGE, TOLD } from "./webhook-store.js";

/** The last change of a service; without `outage`, it has ended. */
interface Told {
  readonly number: number;
  readonly outage: ToldChange | undefined;
}

/** Ended outages that are remembered, for the numbers of the next ones. */
const MAX_ENDED = 2_000;

export class SharedTold implements JournalOfWebhook {
  readonly #webhook: string;
  readonly #write: () => Promise<void>;
  readonly #told = new Map<string, Told>();
  /** The services whose outage has ended, the newest last. */
  readonly #ended = new Set<string>();
  readonly #messages = new Map<string, unknown>();
  /** At least the number of each service that was dropped. */
  #floor = 0;
  #epoch = randomBytes(8).toString("hex");
  /** Other members know of the epoch. */
  #isKnown = false;

  /** @param write called after each change; what it rejects with is a failure of the store */
  constructor(webhook: string, write: () => Promise<void>) {
    this.#webhook = webhook;
    this.#write = write;
  }

  entries(type: string): readonly (readonly [key: string, value: unknown])[] {
    const outages = [...this.#told].flatMap(([service, { outage }]) => (outage ? [[service, outage] as const] : []));
    const entries: readonly (readonly [string, unknown])[] = type === TOLD ? outages : [...this.#messages];
    return entries.map(([rest, value]) => [`${this.#webhook} ${rest}`, value]);
  }

  async commit(records: readonly { readonly type: string; readonly key: string; readonly value?: unknown }[]) {
    for (const { type, key, value } of records) this.#set(type, key, value);
    await this.#write();
  }

  put(type: string, key: string, value: unknown): void {
    if (type === TOLD) return; // `commit` has noted it
    this.#set(type, key, value);
    this.#write().catch(() => {}); // written again with the next comparison
  }

  /** The id of the next change of a service. */
  idOf(service: string, status: ToldStatus): string {
    const parts = JSON.stringify([this.#epoch, this.#webhook, service, status, this.#numberOf(service) + 1]);
    return createHash("sha256").update(parts).digest("hex").slice(0, 32);
  }

  get text(): string {
    const told = [...this.#told].map(([service, { number, outage }]) => [service, number, outage ?? null]);
    return JSON.stringify({
      epoch: this.#epoch,
      floor: this.#floor,
      told: told.sort(byService),
      messages: [...this.#messages],
    });
  }

  /**
   * Takes in what another member has written. Returns whether this one learned of a change.
   * @param withMessages the messages of the text are taken, too, in place of the own ones
   */
  merge(text: string, withMessages: boolean): boolean {
    const { epoch, floor, told, messages } = parsed(text);
    if (typeof epoch === "string" && (!this.#isKnown || epoch < this.#epoch)) this.#epoch = epoch;
    this.#isKnown = true;
    if (typeof floor === "number") this.#floor = Math.max(this.#floor, floor);
    let isNews = false;
    for (const [service, number, value] of listOf(told)) {
      if (typeof service !== "string" || !Number.isSafeInteger(number)) continue;
      const outage = value === null ? undefined : readChange(value);
      if (Number(number) <= (this.#told.get(service)?.number ?? 0)) continue;
      this.#note(service, { number: Number(number), outage });
      isNews = true;
    }
    if (withMessages) this.#replaceMessages(listOf(messages));
    return isNews;
  }

  /** Adds the messages of a text that are not among the own ones. */
  adopt(text: string): void {
    const known = new Set(this.#waiting().map(({ id }) => id));
    const others = listOf(parsed(text).messages).flatMap(([, value]) => readMessage(value) ?? []);
    const all = [...others.filter(({ id }) => !known.has(id)), ...this.#waiting()];
    this.#replaceMessages(all.map((message, index) => [String(index + 1), message]));
  }

  #waiting(): readonly Message[] {
    return [...this.#messages.values()].flatMap((value) => readMessage(value) ?? []);
  }

  #replaceMessages(messages: readonly (readonly unknown[])[]): void {
    this.#messages.clear();
    for (const [number, message] of messages) this.#messages.set(String(number), message);
  }

  #set(type: string, key: string, value: unknown): void {
    const rest = key.slice(this.#webhook.length + 1);
    if (type === TOLD) {
      this.#note(rest, { number: this.#numberOf(rest) + 1, outage: readChange(value) });
    } else if (type === MESSAGE && value === undefined) this.#messages.delete(rest);
    else if (type === MESSAGE) this.#messages.set(rest, value);
  }

  #numberOf(service: string): number {
    return this.#told.get(service)?.number ?? this.#floor;
  }

  #note(service: string, told: Told): void {
    for (const services of [this.#told, this.#ended]) services.delete(service); // the newest is the last
    this.#told.set(service, told);
    if (told.outage === undefined) this.#ended.add(service);
    const oldest = this.#ended.size > MAX_ENDED ? this.#ended.values().next().value : undefined;
    if (oldest === undefined) return;
    this.#floor = Math.max(this.#floor, this.#numberOf(oldest));
    this.#ended.delete(oldest);
    this.#told.delete(oldest);
  }
}

function byService([one = ""]: readonly unknown[], [other = ""]: readonly unknown[]): number {
  return String(one) < String(other) ? -1 : 1;
}

/** A text of the store. It is signed, but another version may have written it. */
function parsed(text: string): Readonly<Partial<Record<"epoch" | "floor" | "told" | "messages", unknown>>> {
  try {
    return Object(JSON.parse(text));
  } catch {
    return {};
  }
}

function listOf(value: unknown): readonly (readonly unknown[])[] {
  return Array.isArray(value) ? value.filter((entry) => Array.isArray(entry)) : [];
}
