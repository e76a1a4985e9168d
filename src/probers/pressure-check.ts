/**
 * The load of a process against limits: event loop, heap and memory.
 *
 *     a timer every 20 ms --how late it is--> longest delay  --.
 *     eventLoopUtilization() of Node ------------------------- +--> above a limit: the check fails
 *     memoryUsage() of Node ---------------------------------- '
 *
 * Delay and utilization are measured from one probe to the next, and for at least one second: the busy moment of a start,
 * or of a probe that follows at once, is no load. The timer is ours, because Node 20 cannot release the histogram of
 * `monitorEventLoopDelay`.
 */
import type { CancelTimer, Clock } from "../core/clock.js";
import { type DurationLike, durationAsGiven, parseDuration } from "../core/duration.js";
import { HealthError, messageOf } from "../core/health-error.js";
import { requireKnownOptions, wholeNumber } from "../core/option.js";
import type { CheckFunction, FunctionContext } from "./function.js";

/** Limits of `processPressure`: at least one. A value above its limit fails. */
export interface PressureLimits {
  /** The longest time for which the event loop was blocked since the last probe. */
  readonly maxEventLoopDelay?: DurationLike | undefined;
  /** The share of the time since the last probe in which the event loop was busy: above 0, below 1. */
  readonly maxEventLoopUtilization?: number | undefined;
  /** Bytes of the JavaScript heap in use. */
  readonly maxHeapUsedBytes?: number | undefined;
  /** Bytes of memory of the whole process. */
  readonly maxRssBytes?: number | undefined;
}

/** What is measured of the process. */
export interface ProcessMeter {
  readonly clock: Clock;
  /** Milliseconds since the start of the process in which the event loop was busy. */
  busyMs(): number;
  memory(): { readonly heapUsed: number; readonly rss: number };
}

const OPTIONS = ["maxEventLoopDelay", "maxEventLoopUtilization", "maxHeapUsedBytes", "maxRssBytes"] as const;

const TICK_MS = 20;

/** The shortest time of which delay and utilization are judged. */
const MIN_WINDOW_MS = 1_000;

/** A check function for a process. @throws HealthError INVALID_OPTION */
export function createPressureCheck(given: PressureLimits, meter: ProcessMeter): CheckFunction {
  const limits = validLimits(given);
  const loop = new LoopMeter(meter);
  const stop = () => loop.stop();
  return ({ onEnd }: Partial<FunctionContext> = {}) => {
    onEnd?.(stop);
    const { delayMs, utilization } = loop.read();
    const { heapUsed, rss } = meter.memory();
    const texts = [
      above("event loop delay", delayMs, limits.delayMs, (ms) => `${Math.round(ms)} ms`),
      above("event loop utilization", utilization, limits.utilization, (share) => share.toFixed(2)),
      above("heap used", heapUsed, limits.heapUsed, megabytes),
      above("resident memory", rss, limits.rss, megabytes),
    ].filter((text) => text !== "");
    return texts.length === 0 ? { status: "pass" } : { status: "fail", detail: texts.join("; ") };
  };
}

interface Loop {
  readonly delayMs: number;
  readonly utilization: number;
}

/** Measures the event loop from the first `read` on, until `stop`. */
class LoopMeter {
  readonly #meter: ProcessMeter;
  #last: Loop = { delayMs: 0, utilization: 0 };
  #window: { readonly startedAt: number; readonly busyMs: number } | undefined;
  #maxDelayMs = 0;
  #dueAt = 0;
  #cancel: CancelTimer = () => {};

  constructor(meter: ProcessMeter) {
    this.#meter = meter;
  }

  /** The values of the last window that was long enough. */
  read(): Loop {
    const window = this.#window;
    const now = this.#meter.clock.now();
    if (window === undefined) {
      this.#open(now);
      this.#tick(now);
      return this.#last;
    }
    this.#measure(now); // the timer may fire after the probe that waited for the same block
    const ms = now - window.startedAt;
    if (ms < MIN_WINDOW_MS) return this.#last;
    const utilization = (this.#meter.busyMs() - window.busyMs) / ms;
    this.#last = { delayMs: this.#maxDelayMs, utilization };
    this.#open(now);
    return this.#last;
  }

  stop(): void {
    this.#cancel();
    this.#window = undefined;
    this.#last = { delayMs: 0, utilization: 0 };
  }

  #open(now: number): void {
    this.#window = { startedAt: now, busyMs: this.#meter.busyMs() };
    this.#maxDelayMs = 0;
  }

  #tick(now: number): void {
    const { clock } = this.#meter;
    this.#dueAt = now + TICK_MS;
    this.#cancel = clock.setTimer(TICK_MS, () => {
      this.#measure(clock.now());
      this.#tick(clock.now());
    });
  }

  #measure(now: number): void {
    this.#maxDelayMs = Math.max(this.#maxDelayMs, now - this.#dueAt);
  }
}

interface ValidLimits {
  readonly delayMs: number;
  readonly utilization: number;
  readonly heapUsed: number;
  readonly rss: number;
}

function validLimits(given: PressureLimits): ValidLimits {
  requireKnownOptions("processPressure", given, OPTIONS);
  if (OPTIONS.every((option) => given[option] === undefined))
    throw new HealthError("INVALID_OPTION", `processPressure needs a limit: ${OPTIONS.join(", ")}`);
  const { maxEventLoopDelay: delay, maxEventLoopUtilization: utilization } = given;
  const delayMs = delay === undefined ? Number.POSITIVE_INFINITY : parseDuration(delay);
  if (delayMs === undefined || delayMs < TICK_MS)
    throw new HealthError(
      "INVALID_OPTION",
      `maxEventLoopDelay must be at least ${TICK_MS}ms; got ${durationAsGiven(delay)}`,
    );
  if (utilization !== undefined && !(typeof utilization === "number" && utilization > 0 && utilization < 1))
    throw new HealthError(
      "INVALID_OPTION",
      `maxEventLoopUtilization must be a number above 0 and below 1; got ${messageOf(utilization)}`,
    );
  const bytes = (option: "maxHeapUsedBytes" | "maxRssBytes") =>
    wholeNumber(option, given[option], Number.POSITIVE_INFINITY);
  return {
    delayMs,
    utilization: utilization ?? Number.POSITIVE_INFINITY,
    heapUsed: bytes("maxHeapUsedBytes"),
    rss: bytes("maxRssBytes"),
  };
}

/** A value that is above its limit, in words. */
function above(name: string, value: number, limit: number, format: (value: number) => string): string {
  return value > limit ? `${name} ${format(value)}, limit ${format(limit)}` : "";
}

function megabytes(bytes: number): string {
  return `${Math.round(bytes / 2 ** 20)} MB`;
}
