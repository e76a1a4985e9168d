/**
 * One webhook: what it tells (notification-state), and how that gets to its receiver (webhook-delivery).
 *
 *     transitions --> NotificationState --timer--> what is due --> WebhookDelivery --> receiver
 */
import type { CancelTimer, Clock, Random } from "../core/clock.js";
import { NotificationState, type Observation, type OutageView } from "./notification-state.js";
import type { ServiceFilter } from "./service-filter.js";
import { type DeliveryProgress, type Sender, WebhookDelivery } from "./webhook-delivery.js";
import type { WebhookSettings } from "./webhook-settings.js";
import type { WebhookStore } from "./webhook-store.js";

export interface WebhookDeps {
  readonly instance: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly store: WebhookStore;
  readonly view: OutageView;
  readonly sender: (settings: WebhookSettings) => Sender;
}

export class Webhook {
  settings: WebhookSettings;
  readonly #deps: WebhookDeps;
  readonly #state: NotificationState;
  readonly #delivery: WebhookDelivery;
  #isInScope: ServiceFilter = () => false;
  #armedFor = Number.POSITIVE_INFINITY;
  #cancelTimer: CancelTimer = () => {};

  /** Takes up what an earlier process has told, and what it has not delivered. */
  constructor(settings: WebhookSettings, deps: WebhookDeps) {
    this.settings = settings;
    this.#deps = deps;
    const { clock, store, view, sender } = deps;
    this.#state = new NotificationState(settings, view, store.told(), clock.now());
    this.#delivery = new WebhookDelivery(sender(settings), { ...deps, webhook: settings.name });
  }

  /** Other settings, with the same name: what was told and what waits stays. */
  reconfigure(settings: WebhookSettings): void {
    this.settings = settings;
    this.#state.setRules(settings, this.#deps.clock.now());
    this.#delivery.setSender(this.#deps.sender(settings));
  }

  /**
   * Tells about the services of a filter from now on. An outage of another service that was told ends, and one that waits
   * is not told.
   * @param services the services that there are
   */
  follow(isInScope: ServiceFilter, services: ReadonlyMap<string, Observation>): void {
    this.#isInScope = isInScope;
    this.#state.retain(isInScope);
    const at = this.#deps.clock.wallTime();
    for (const [service, { id }] of this.#state.told)
      if (!isInScope(service) || !services.has(service))
        this.#observe(service, { status: "SERVICE_UNKNOWN", id: `${id}-removed`, at });
    for (const [service, observation] of services) if (isInScope(service)) this.#observe(service, observation);
    this.#arm();
  }

  observe(service: string, observation: Observation): void {
    if (!this.#isInScope(service)) return;
    this.#observe(service, observation);
    this.#arm();
  }

  get progress(): DeliveryProgress {
    return this.#delivery.progress;
  }

  /** Observes nothing more, and ends the delivery within `graceMs`. */
  close(graceMs: number): Promise<void> {
    this.#isInScope = () => false;
    this.#cancelTimer();
    return this.#delivery.close(graceMs);
  }

  #observe(service: string, observation: Observation): void {
    this.#state.observe(service, observation, this.#deps.clock.now());
  }

  #arm(): void {
    const { dueAt } = this.#state;
    if (dueAt === this.#armedFor) return;
    this.#cancelTimer();
    this.#armedFor = dueAt;
    if (dueAt === Number.POSITIVE_INFINITY) return;
    const delayMs = Math.max(0, dueAt - this.#deps.clock.now());
    this.#cancelTimer = this.#deps.clock.setTimer(delayMs, () => this.#onDue());
  }

  #onDue(): void {
    const { clock } = this.#deps;
    this.#armedFor = Number.POSITIVE_INFINITY;
    const due = this.#state.take(clock.now(), clock.wallTime());
    if (due?.message?.kind === "reminder") this.#delivery.remind(due.message);
    else if (due !== undefined) this.#delivery.push(due.message, due.told);
    this.#arm();
  }
}
