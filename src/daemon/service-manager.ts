/**
 * What a daemon reports to systemd in a unit with `Type=notify`.
 *
 *     READY=1                   every address is bound, and the configuration is in force
 *     STATUS=...                the overall status, and how many services are SERVING
 *     RELOADING=1 ... READY=1   around each reload that is asked for, also one that is refused
 *     STOPPING=1                with the drain; EXTEND_TIMEOUT_USEC is the longest time that the shutdown takes
 *     WATCHDOG=1                every half of WATCHDOG_USEC, as long as the event loop runs and the checks are scheduled
 *
 * If this process hangs, no WATCHDOG=1 is sent, and systemd restarts the unit. That is also so while a listener thread still
 * answers: its answers are NOT_SERVING then.
 */
import { isScheduling, type ScheduledCheck } from "../checks/scheduling.js";
import { subscribe } from "../core/channels.js";
import type { CancelTimer, Clock } from "../core/clock.js";
import type { Log } from "../telemetry/log.js";
import type { HealthParts } from "./assembly.js";
import { SdNotify } from "./sd-notify.js";

export interface ServiceManagerDeps {
  readonly clock: Clock;
  readonly instance: string;
  readonly log: Log;
  /** That of this process, with `NOTIFY_SOCKET`. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly pid: number;
}

/** The parts of a `Health` that are reported. */
export interface Reported {
  readonly registry: HealthParts["registry"];
  readonly checks: { running(name: string): ScheduledCheck | undefined };
}

/** Time between two messages of a status: each one starts a process. */
const MIN_STATUS_GAP_MS = 5_000;

export class ServiceManager {
  readonly #deps: ServiceManagerDeps;
  readonly #notify: SdNotify;
  /** Milliseconds between two messages for the watchdog; `undefined` without a watchdog. */
  readonly #feedMs: number | undefined;
  #unsubscribe = () => {};
  #cancelStatus: CancelTimer | undefined;
  #cancelFeed: CancelTimer = () => {};
  #lastStatus = { text: "", at: Number.NEGATIVE_INFINITY };
  #isFed = true;
  #isStopping = false;

  constructor(deps: ServiceManagerDeps) {
    this.#deps = deps;
    const { clock, instance, environment, log } = deps;
    const onFailure = (text: string) => log.write("error", "notify-failed", `cannot report to systemd: ${text}`);
    this.#notify = new SdNotify({ clock, instance, environment, onFailure });
    this.#feedMs = feedIntervalMs(environment, deps.pid);
  }

  /** Everything is served. Reports each change of the overall status from now on, and feeds the watchdog. */
  ready(reported: Reported): void {
    this.#notify.send("ready", ["READY=1"]);
    this.#reportStatus(reported);
    this.#unsubscribe = subscribe("transition", ({ instance, subject }) => {
      if (instance === this.#deps.instance && subject === "service") this.#reportSoon(reported);
    });
    this.#feed(reported);
  }

  /** A reload begins. Returns the function that reports its end. */
  reloading(): () => void {
    if (this.#isStopping) return () => {}; // a state of systemd ends with another: the last one is the shutdown
    // systemd compares this time with that of its own SIGHUP, in units with `Type=notify-reload`
    this.#notify.send("reloading", ["RELOADING=1", `MONOTONIC_USEC=${process.hrtime.bigint() / 1_000n}`]);
    return () => {
      if (!this.#isStopping) this.#notify.send("ready", ["READY=1"]);
    };
  }

  /** The shutdown begins. It takes `limitMs` at most: without that, systemd kills this process after `TimeoutStopSec`. */
  stopping(limitMs: number): void {
    this.#isStopping = true;
    this.#notify.send("stopping", ["STOPPING=1", `EXTEND_TIMEOUT_USEC=${Math.ceil(limitMs) * 1_000}`]);
  }

  /** Ends the messages. */
  close(): void {
    this.#unsubscribe();
    this.#cancelStatus?.();
    this.#cancelFeed();
  }

  #reportSoon(reported: Reported): void {
    if (this.#cancelStatus !== undefined) return;
    const delayMs = Math.max(0, this.#lastStatus.at + MIN_STATUS_GAP_MS - this.#deps.clock.now());
    this.#cancelStatus = this.#deps.clock.setTimer(delayMs, () => {
      this.#cancelStatus = undefined;
      this.#reportStatus(reported);
    });
  }

  #reportStatus({ registry }: Reported): void {
    const text = statusText(registry);
    if (text === this.#lastStatus.text) return;
    this.#lastStatus = { text, at: this.#deps.clock.now() };
    this.#notify.send("status", [`STATUS=${text}`]);
  }

  #feed(reported: Reported): void {
    const { clock, log } = this.#deps;
    if (this.#feedMs === undefined) return;
    this.#cancelFeed = clock.setTimer(this.#feedMs, () => this.#feed(reported));
    const isAlive = isScheduling(runningChecks(reported), clock.now());
    if (isAlive) this.#notify.send("watchdog", ["WATCHDOG=1"]);
    else if (this.#isFed)
      log.write("error", "watchdog-unfed", "no probe starts when it is due; systemd gets no WATCHDOG=1 until one does");
    this.#isFed = isAlive;
  }
}

/** `WATCHDOG_PID` names the process that the watchdog is meant for (sd_watchdog_enabled(3)). */
function feedIntervalMs(
  { WATCHDOG_USEC, WATCHDOG_PID }: ServiceManagerDeps["environment"],
  pid: number,
): number | undefined {
  const isOurs = WATCHDOG_PID === undefined || WATCHDOG_PID === String(pid);
  return isOurs && /^[1-9]\d{0,15}$/.test(WATCHDOG_USEC ?? "") ? Number(WATCHDOG_USEC) / 2_000 : undefined;
}

/** Numbers only: every user of the machine can read it, and with a token names are hidden. */
function statusText(registry: Reported["registry"]): string {
  const overall = registry.read("")?.status ?? "UNKNOWN";
  if (registry.draining) return "NOT_SERVING: all services are draining";
  const statuses = [...registry.services()].filter(([name]) => name !== "").map(([, { status }]) => status);
  if (statuses.length === 0) return `${overall}: no services`;
  const serving = statuses.filter((status) => status === "SERVING").length;
  return `${overall}: ${serving} of ${statuses.length} services are SERVING`;
}

function* runningChecks({ registry, checks }: Reported): Iterable<ScheduledCheck> {
  for (const { name } of registry.checks()) {
    const check = checks.running(name);
    if (check !== undefined) yield check;
  }
}
