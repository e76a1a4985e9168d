/**
 * The webhooks of a configuration. Each follows the same registry, and each has a queue of its own: one slow receiver
 * delays no other.
 *
 *     registry --transition--> last observation of each service --> webhook `ops`   --> receiver
 *                                                              '--> webhook `chat`  --> receiver
 */
import { hostname } from "node:os";
import { isDeepStrictEqual } from "node:util";
import { background, keepAlive } from "../core/background.js";
import { publish } from "../core/channels.js";
import type { ProberDeps } from "../probers/options.js";
import type { Registry } from "../registry/registry.js";
import type { TransitionHistory } from "../telemetry/history/transition-history.js";
import type { Journal } from "../telemetry/journal.js";
import { FleetWebhook, type TellingFleet } from "./fleet-webhook.js";
import type { Observation } from "./notification-state.js";
import { type DeclaredServices, filterOf } from "./service-filter.js";
import { RegistryView } from "./service-view.js";
import { Webhook, type WebhookDeps } from "./webhook.js";
import { WebhookClient } from "./webhook-client.js";
import type { DeliveryProgress } from "./webhook-delivery.js";
import type { WebhookSettings } from "./webhook-settings.js";
import { dropOthers, WebhookStore } from "./webhook-store.js";

export interface WebhooksDeps {
  readonly registry: Registry;
  /** Gives each transition its id. */
  readonly transitions: TransitionHistory;
  /** Whether an operator has put the service, or all services, into maintenance. */
  readonly isInMaintenance: (service: string) => boolean;
  readonly journal: Journal | undefined;
  /** With it, one member sends, and what it has told is in the store of the fleet instead of the journal. */
  readonly fleet?: TellingFleet | undefined;
}

/** The part of a configuration that webhooks follow. */
export interface WebhooksConfig extends DeclaredServices {
  readonly webhooks: readonly WebhookSettings[];
}

/** Without a state folder, what waits at the end of the process has so much time to be sent. */
const FLUSH_MS = 2_000;

export class Webhooks {
  readonly #deps: WebhooksDeps;
  readonly #view: RegistryView;
  readonly #webhooks = new Map<string, Webhook | FleetWebhook>();
  readonly #observed: Map<string, Observation>;
  readonly #unsubscribe: () => void;

  constructor(deps: WebhooksDeps) {
    this.#deps = deps;
    const { registry, transitions, isInMaintenance } = deps;
    this.#view = new RegistryView(registry, isInMaintenance);
    this.#observed = observationsOf(registry, transitions);
    this.#unsubscribe = registry.onTransition(({ subject, name, to, sequence, at }) => {
      const status = subject === "service" ? statusOf(to) : undefined;
      if (status !== undefined) this.#observe(name, { status, id: transitions.idOf(sequence), at });
    });
  }

  /** Runs the webhooks of a configuration, and no others. One of the same name keeps its queue and what it has told. */
  apply(config: WebhooksConfig, connect: ProberDeps): void {
    const { webhooks } = config;
    const names = new Set(webhooks.map(({ name }) => name));
    for (const [name, webhook] of this.#webhooks) if (!names.has(name)) this.#remove(name, webhook);
    dropOthers(this.#deps.journal, names);
    for (const settings of webhooks) {
      const webhook = this.#webhookOf(settings, connect);
      webhook.follow(filterOf(settings.services, config), this.#observed);
    }
  }

  /** How far the delivery of each webhook is. */
  reports(): readonly (DeliveryProgress & { readonly name: string })[] {
    return [...this.#webhooks].map(([name, { progress }]) => ({ name, ...progress }));
  }

  /** Observes nothing more. Resolves when no request runs, within 2 s. */
  async close(): Promise<void> {
    this.#unsubscribe();
    const graceMs = this.#deps.journal === undefined || this.#deps.fleet !== undefined ? FLUSH_MS : 0;
    await keepAlive(Promise.all([...this.#webhooks.values()].map((webhook) => webhook.close(graceMs))));
  }

  #webhookOf(settings: WebhookSettings, connect: ProberDeps): Webhook | FleetWebhook {
    const known = this.#webhooks.get(settings.name);
    if (known !== undefined) {
      if (!isDeepStrictEqual(known.settings, settings)) known.reconfigure(settings);
      return known;
    }
    const { registry, journal, fleet } = this.#deps;
    const deps: Omit<WebhookDeps, "store"> = {
      instance: registry.instance,
      ...connect,
      view: this.#view,
      sender: (current) => new WebhookClient(current, { ...connect, host: hostname() }),
    };
    const webhook =
      fleet === undefined
        ? new Webhook(settings, { ...deps, store: new WebhookStore(journal, settings.name) })
        : new FleetWebhook(settings, deps, fleet);
    this.#webhooks.set(settings.name, webhook);
    return webhook;
  }

  #remove(name: string, webhook: Webhook | FleetWebhook): void {
    const { instance } = this.#deps.registry;
    this.#webhooks.delete(name);
    const closed = webhook.close(0).then(() => {
      const nothing = { pending: 0, failures: 0, detail: undefined };
      if (!this.#webhooks.has(name)) publish("webhook", { instance, webhook: name, outcome: "removed", ...nothing });
    });
    background(closed, instance, `webhook ${name}`);
  }

  #observe(service: string, observation: Observation): void {
    // only `degraded` has changed
    if (this.#observed.get(service)?.status === observation.status) return;
    if (observation.status === "SERVICE_UNKNOWN") this.#observed.delete(service);
    else this.#observed.set(service, observation);
    for (const webhook of this.#webhooks.values()) webhook.observe(service, observation);
  }
}

/** The statuses of a registry, each with the id of its last change. */
function observationsOf(registry: Registry, transitions: TransitionHistory): Map<string, Observation> {
  const ids = new Map<string, string>();
  for (let sequence = transitions.last; ; sequence -= 1) {
    const transition = transitions.at(sequence);
    if (transition === undefined) break;
    const { subject, name, from, to } = transition;
    if (subject === "service" && from !== to && !ids.has(name)) ids.set(name, transitions.idOf(sequence));
  }
  let unknown = 0;
  const idOf = (service: string) => {
    const id = ids.get(service);
    if (id !== undefined) return id;
    unknown += 1; // its last change is too long ago
    return `${transitions.idOf(transitions.last)}.${unknown}`;
  };
  const entries = [...registry.services()].map(
    ([service, { status, since }]) => [service, { status, id: idOf(service), at: since }] as const,
  );
  return new Map(entries);
}

function statusOf(word: string): Observation["status"] | undefined {
  return STATUSES.find((status) => status === word);
}

const STATUSES = [
  "SERVING",
  "NOT_SERVING",
  "UNKNOWN",
  "SERVICE_UNKNOWN",
] as const satisfies readonly Observation["status"][];
