/**
 * Counts what one instance publishes on the channels: plain numbers, from the first message on.
 *
 * A check or a service that is removed takes its numbers with it, so the memory of a process whose checks come and go
 * does not grow.
 */
import { type ChannelMessages, type Published, subscribe } from "../core/channels.js";
import type { Clock } from "../core/clock.js";
import { type Count, Counts, Durations } from "./counts.js";
import { RecoveryTally, type RecoveryTallyState } from "./recovery-tally.js";

/** The measurements of a check's probes. */
export interface Probed {
  readonly durations: Durations;
  /** On the clock's monotonic scale. */
  lastResultAt: number;
  /** Wall time at which the last certificate that a target showed ends. */
  certificateEndsAt: number | undefined;
}

/** What is known about a webhook. */
export interface WebhookReadings {
  /** Messages that wait, at the last event of the webhook. */
  readonly pending: number;
  /** Wall time of the last message that was delivered; `undefined` before the first. */
  readonly deliveredAt: number | undefined;
}

/** The counters, by the names of their fields. */
const COUNTS = [
  ...["transitions", "calls", "httpRequests", "results"],
  ...["proberErrors", "fileReloadFailures", "proxyHeadersRefused", "resultsDropped", "webhookSent"],
  "instanceSources",
] as const;

/** What was counted until now, as plain data: another thread goes on with it. */
export interface TallyState {
  readonly counts: Readonly<Record<(typeof COUNTS)[number], readonly Readonly<Count>[]>>;
  /** `ageMs`: since the last result. */
  readonly probed: readonly (readonly [check: string, probed: Omit<Probed, "lastResultAt"> & { ageMs: number }])[];
  readonly startLag: Durations;
  readonly stalls: number;
  readonly logLinesDropped: number;
  readonly clientsRefused: number;
  readonly areProbesLate: boolean;
  readonly isolated: boolean;
  readonly maintained: readonly (string | undefined)[];
  readonly recovery: RecoveryTallyState;
  readonly webhooks: readonly (readonly [webhook: string, readings: WebhookReadings])[];
  readonly reloads: Tally["reloads"];
  readonly lastReloadSuccessful: boolean;
  readonly configuredAt: number;
}

export class Tally {
  readonly transitions = new Counts();
  readonly calls = new Counts();
  readonly httpRequests = new Counts();
  readonly results = new Counts();
  readonly proberErrors = new Counts();
  readonly fileReloadFailures = new Counts();
  readonly proxyHeadersRefused = new Counts();
  readonly resultsDropped = new Counts();
  readonly webhookSent = new Counts();
  readonly instanceSources = new Counts();
  readonly webhooks = new Map<string, WebhookReadings>();
  readonly probed = new Map<string, Probed>();
  readonly startLag: Durations;
  stalls = 0;
  logLinesDropped = 0;
  clientsRefused = 0;
  areProbesLate = false;
  isolated = false;
  /** The services in maintenance; `undefined` stands for all of them. */
  readonly maintained = new Set<string | undefined>();
  readonly recovery = new RecoveryTally();
  readonly reloads = { success: 0, failure: 0 };
  lastReloadSuccessful = true;
  /** Wall time at which the configuration in use was applied. */
  configuredAt: number;
  readonly #clock: Clock;
  readonly #unsubscribes: readonly (() => void)[];

  /** Starts to count, from `before` on. */
  constructor(instance: string, clock: Clock, before?: TallyState) {
    this.#clock = clock;
    this.configuredAt = clock.wallTime();
    this.startLag = new Durations(before?.startLag);
    if (before !== undefined) this.#restore(before);
    const listen = <Name extends keyof ChannelMessages>(name: Name, count: (message: Published<Name>) => void) =>
      subscribe(name, (message) => void (message.instance === instance && count(message)));
    this.#unsubscribes = [
      listen("transition", (transition) => this.#countTransition(transition)),
      listen("probe", (probe) => this.#countProbe(probe)),
      listen("prober-failed", ({ check, reason }) => this.proberErrors.increment(check, reason)),
      listen("result-dropped", ({ check }) => this.resultsDropped.increment(check)),
      listen("stall", () => {
        this.stalls += 1;
      }),
      listen("probes-late", ({ lagMs }) => {
        this.areProbesLate = lagMs > 0;
      }),
      listen("isolation", ({ held }) => {
        this.isolated = held > 0;
      }),
      listen("maintenance", ({ service, active }) => {
        if (active) this.maintained.add(service);
        else this.maintained.delete(service);
      }),
      listen("recovery", (event) => this.recovery.count(event)),
      listen("webhook", (message) => this.#countWebhook(message)),
      listen("instance-source", ({ service, outcome }) => {
        if (outcome === "removed") this.instanceSources.forget(service);
        else this.instanceSources.increment(service, outcome);
      }),
      listen("call", ({ method, code }) => this.calls.increment(method, code)),
      listen("http-request", ({ route, status }) => this.httpRequests.increment(route, String(status))),
      listen("log-dropped", ({ lines }) => {
        this.logLinesDropped += lines;
      }),
      listen("client-refused", () => {
        this.clientsRefused += 1;
      }),
      listen("reload", ({ error }) => this.#countReload(error)),
      listen("file-reload-failed", ({ kind }) => this.fileReloadFailures.increment(kind)),
      listen("proxy-header-refused", ({ fault }) => this.proxyHeadersRefused.increment(fault)),
    ];
  }

  /** What was counted until now. */
  get state(): TallyState {
    const { startLag, stalls, logLinesDropped, clientsRefused } = this;
    const { areProbesLate, isolated, reloads, lastReloadSuccessful, configuredAt } = this;
    const now = this.#clock.now();
    const probed = [...this.probed].map(
      ([check, { durations, lastResultAt, certificateEndsAt }]) =>
        [check, { durations, certificateEndsAt, ageMs: now - lastResultAt }] as const,
    );
    const seriesOf = (name: (typeof COUNTS)[number]) => [...this[name].series()];
    const counts = {
      transitions: seriesOf("transitions"),
      calls: seriesOf("calls"),
      httpRequests: seriesOf("httpRequests"),
      results: seriesOf("results"),
      proberErrors: seriesOf("proberErrors"),
      fileReloadFailures: seriesOf("fileReloadFailures"),
      proxyHeadersRefused: seriesOf("proxyHeadersRefused"),
      resultsDropped: seriesOf("resultsDropped"),
      webhookSent: seriesOf("webhookSent"),
      instanceSources: seriesOf("instanceSources"),
    };
    return {
      ...{ counts, probed, startLag, stalls, logLinesDropped, clientsRefused },
      maintained: [...this.maintained],
      recovery: this.recovery.state,
      webhooks: [...this.webhooks],
      ...{ areProbesLate, isolated, reloads, lastReloadSuccessful, configuredAt },
    };
  }

  #restore(before: TallyState): void {
    for (const name of COUNTS) this[name].addAll(before.counts[name]);
    for (const [check, { durations, ageMs, certificateEndsAt }] of before.probed)
      this.probed.set(check, {
        durations: new Durations(durations),
        lastResultAt: this.#clock.now() - ageMs,
        certificateEndsAt,
      });
    this.stalls = before.stalls;
    this.logLinesDropped = before.logLinesDropped;
    this.clientsRefused = before.clientsRefused;
    this.areProbesLate = before.areProbesLate;
    this.isolated = before.isolated;
    for (const service of before.maintained) this.maintained.add(service);
    this.recovery.restore(before.recovery);
    for (const [webhook, readings] of before.webhooks) this.webhooks.set(webhook, readings);
    Object.assign(this.reloads, before.reloads);
    this.lastReloadSuccessful = before.lastReloadSuccessful;
    this.configuredAt = before.configuredAt;
  }

  close(): void {
    for (const unsubscribe of this.#unsubscribes) unsubscribe();
  }

  #countTransition({ subject, name, from, to }: ChannelMessages["transition"]): void {
    if (subject !== "service" || from === to) return;
    if (to === "SERVICE_UNKNOWN") this.#forget(name);
    else this.transitions.increment(name, to);
  }

  #countProbe({ check, outcome, reason, latencyMs, startLagMs, certificateEndsAt }: ChannelMessages["probe"]): void {
    const probed = this.probed.get(check) ?? this.#createProbed(check);
    probed.lastResultAt = this.#clock.now();
    probed.certificateEndsAt = certificateEndsAt ?? probed.certificateEndsAt;
    probed.durations.observe(latencyMs);
    this.startLag.observe(startLagMs);
    this.results.increment(check, outcome, reason ?? "");
  }

  #countWebhook({ webhook, outcome, pending }: ChannelMessages["webhook"]): void {
    if (outcome === "removed") {
      this.webhookSent.forget(webhook);
      this.webhooks.delete(webhook);
      return;
    }
    this.webhookSent.increment(webhook, outcome);
    const known = this.webhooks.get(webhook)?.deliveredAt;
    this.webhooks.set(webhook, { pending, deliveredAt: outcome === "delivered" ? this.#clock.wallTime() : known });
  }

  #countReload(error: unknown): void {
    this.lastReloadSuccessful = error === undefined;
    this.reloads[error === undefined ? "success" : "failure"] += 1;
    if (error === undefined) this.configuredAt = this.#clock.wallTime();
  }

  /** A service is removed, and with it the check of its name: every check is a service under its own name. */
  #forget(name: string): void {
    const { transitions, results, proberErrors, resultsDropped } = this;
    for (const counts of [transitions, results, proberErrors, resultsDropped]) counts.forget(name);
    this.probed.delete(name);
  }

  #createProbed(check: string): Probed {
    const probed = { durations: new Durations(), lastResultAt: 0, certificateEndsAt: undefined };
    this.probed.set(check, probed);
    return probed;
  }
}
