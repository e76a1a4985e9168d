/**
 * A webhook of a fleet: all members observe the same statuses, and one of them sends.
 *
 *     each beat:  not the notifier --becomes it--> read what was told --> a Webhook that sends what differs
 *                        ^                                                     |
 *                        '---------------------- is it no more ----------------'
 *
 *     each lease: read what was told --> differs from the own copy: take in what is newer, write what the store has lost
 */
import { background } from "../core/background.js";
import type { Observation } from "./notification-state.js";
import type { ServiceFilter } from "./service-filter.js";
import { SharedTold } from "./shared-told.js";
import { Webhook, type WebhookDeps } from "./webhook.js";
import type { DeliveryProgress, Sender } from "./webhook-delivery.js";
import type { WebhookSettings } from "./webhook-settings.js";
import { WebhookStore } from "./webhook-store.js";

/** What a webhook asks of a fleet. */
export interface TellingFleet {
  /** Whether this member sends at this moment. */
  readonly sends: boolean;
  readonly isDetached: boolean;
  readonly leaseMs: number;
  /** Calls a listener after each beat. Returns an unsubscribe function. */
  onBeat(listener: () => void): () => void;
  /** A text that all members share. Rejects while the store does not answer, like `save`. */
  load(name: string): Promise<string | undefined>;
  save(name: string, text: string): Promise<void>;
  /** Resolves when the others would tell the same: the votes of this member from which it follows are in the store. */
  published(): Promise<void>;
}

const NOTHING: DeliveryProgress = { pending: 0, failures: 0, detail: undefined };

export class FleetWebhook {
  settings: WebhookSettings;
  readonly #deps: Omit<WebhookDeps, "store">;
  readonly #fleet: TellingFleet;
  readonly #shared: SharedTold;
  readonly #unsubscribe: () => void;
  #isInScope: ServiceFilter = () => false;
  #services: ReadonlyMap<string, Observation> = new Map();
  #webhook: Webhook | undefined;
  #comparing = false;
  #comparedAt = Number.NEGATIVE_INFINITY;
  #writing: Promise<void> | undefined;
  #isClosed = false;
  /** It sends by itself, without what the others know. */
  #wasAlone = false;

  constructor(settings: WebhookSettings, deps: Omit<WebhookDeps, "store">, fleet: TellingFleet) {
    this.settings = settings;
    this.#deps = deps;
    this.#fleet = fleet;
    this.#shared = new SharedTold(settings.name, () => this.#write());
    this.#unsubscribe = fleet.onBeat(() => {
      if (!this.#comparing) background(this.#onBeat(), deps.instance, `webhook ${settings.name}`);
    });
  }

  reconfigure(settings: WebhookSettings): void {
    this.settings = settings;
    this.#webhook?.reconfigure(settings);
  }

  /** @param services the services that there are, also later: the map of the caller */
  follow(isInScope: ServiceFilter, services: ReadonlyMap<string, Observation>): void {
    this.#isInScope = isInScope;
    this.#services = services;
    this.#webhook?.follow(isInScope, services);
  }

  observe(service: string, observation: Observation): void {
    this.#webhook?.observe(service, observation);
  }

  /** Of what this member sends. */
  get progress(): DeliveryProgress {
    return this.#webhook?.progress ?? NOTHING;
  }

  async close(graceMs: number): Promise<void> {
    this.#isClosed = true;
    this.#unsubscribe();
    await this.#webhook?.close(graceMs);
  }

  async #onBeat(): Promise<void> {
    this.#comparing = true;
    try {
      const isSending = this.#webhook !== undefined;
      const { sends, leaseMs } = this.#fleet;
      if (isSending && !sends) await this.#end();
      if (sends !== isSending || this.#deps.clock.now() >= this.#comparedAt + leaseMs) await this.#compare();
    } finally {
      this.#comparing = false;
    }
  }

  async #compare(): Promise<void> {
    const text = await this.#fleet.load(this.#name).catch(() => UNREACHABLE);
    if (this.#isClosed) return;
    if (text !== UNREACHABLE) await this.#take(text);
    const isReady = text !== UNREACHABLE || this.#fleet.isDetached;
    if (isReady && this.#webhook === undefined && this.#fleet.sends && !this.#isClosed) this.#begin();
    this.#wasAlone = this.#webhook !== undefined && this.#fleet.isDetached;
  }

  /** Makes the own copy and that of the store equal. */
  async #take(text: string | undefined): Promise<void> {
    this.#comparedAt = this.#deps.clock.now();
    if (text !== undefined && text !== this.#shared.text) {
      if (this.#wasAlone) this.#shared.adopt(text);
      const isNews = this.#shared.merge(text, this.#webhook === undefined && !this.#wasAlone);
      // another member has told as well: go on from what both have told
      if (isNews) await this.#end();
    }
    this.#wasAlone = false;
    if (text !== this.#shared.text) await this.#write().catch(() => {});
  }

  #begin(): void {
    const { view, sender } = this.#deps;
    const shared = this.#shared;
    this.#webhook = new Webhook(this.settings, {
      ...this.#deps,
      store: new WebhookStore(shared, this.settings.name),
      view: {
        isSilent: (service, status) => view.isSilent(service, status),
        explain: (service) => view.explain(service),
        idOf: (service, status) => shared.idOf(service, status),
      },
      sender: (settings) => this.#whileNotifier(sender(settings)),
    });
    this.#webhook.follow(this.#isInScope, this.#services);
  }

  async #end(): Promise<void> {
    const webhook = this.#webhook;
    this.#webhook = undefined;
    await webhook?.close(0);
  }

  /** A process that was stopped, and goes on, must not send before it has asked again. */
  #whileNotifier(sender: Sender): Sender {
    return {
      send: async (message) => {
        if (this.#fleet.sends || this.#isClosed) return sender.send(message);
        return { kind: "retry", detail: "another member of the fleet sends", retryAfterMs: undefined };
      },
      close: () => sender.close(),
    };
  }

  get #name(): string {
    return `told:${this.settings.name}`;
  }

  /** One write at a time. Each has all that is known when it starts. */
  async #write(): Promise<void> {
    const before = this.#writing;
    const writing = (async () => {
      await before?.catch(() => {});
      await this.#fleet.published();
      await this.#fleet.save(this.#name, this.#shared.text);
    })();
    this.#writing = writing;
    await writing;
  }
}

/** The store does not answer: no text has this form. */
const UNREACHABLE = "unreachable";
