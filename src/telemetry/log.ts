/**
 * The log: one JSON line for each event on the channels.
 *
 * It contains changes, not requests: a client that asks every second causes no line. The result of each probe is logged
 * at level `debug`.
 *
 * Every line has `event`, a stable name for programs, and `msg`, a text for people.
 */
import { type DestinationStream, type Logger, pino } from "pino";
import { type ChannelMessages, type Published, subscribe } from "../core/channels.js";

export type LogLevel = "debug" | "info" | "warn" | "error" | "silent";

/** All levels, the most verbose first. */
export const LOG_LEVELS: readonly LogLevel[] = ["debug", "info", "warn", "error", "silent"];

/** The log of one instance. */
export interface Log {
  /** Logs an event that has no channel. */
  write(level: "info" | "warn" | "error", event: string, message: string, fields?: object): void;
  /** Unsubscribes from the channels. */
  close(): void;
}

/** Logs the events of one instance. */
export function createLog(instance: string, level: LogLevel, destination: DestinationStream): Log {
  const formatters = { level: (label: string) => ({ level: label }) };
  const logger = pino({ level, base: null, formatters, timestamp: pino.stdTimeFunctions.isoTime }, destination);
  const listen = <Name extends keyof ChannelMessages>(name: Name, write: (message: Published<Name>) => void) =>
    subscribe(name, (message) => void (message.instance === instance && write(message)));
  const subscriptions = [
    listen("transition", (transition) => logTransition(logger, transition)),
    listen("write-held", ({ service, status }) =>
      logger.info({ event: "write-held", service, status }, "draining: the change is held back until resume"),
    ),
    listen("listener-failed", ({ error }) =>
      logger.error(
        { event: "listener-failed", err: error },
        "a transition listener threw an error; the other listeners were called",
      ),
    ),
    listen("prober-failed", ({ check, reason, error }) =>
      logger.warn({ event: "prober-failed", check, reason, err: error }, "could not probe; the check keeps its state"),
    ),
    listen("probe", ({ check, outcome, reason, detail, latencyMs }) =>
      logger.debug({ event: "probe", check, outcome, reason, detail, latencyMs }, `${check}: ${outcome}`),
    ),
    listen("connection-ended", ({ address, rule }) =>
      logger.debug({ event: "connection-ended", address, rule }, `connection ended: ${rule}`),
    ),
    listen("fault", ({ where, error }) => logger.error({ event: "fault", where, err: error }, `fault in ${where}`)),
  ];
  return {
    write: (at, event, message, fields = {}) => logger[at]({ event, ...fields }, message),
    close: () => {
      for (const unsubscribe of subscriptions) unsubscribe();
    },
  };
}

function logTransition(logger: Logger, { instance: _, ...transition }: Published<"transition">): void {
  const { subject, name, from, to, degraded, reason } = transition;
  const title = name === "" ? "overall" : JSON.stringify(name);
  const suffix = `${degraded ? ", degraded" : ""}${reason === undefined ? "" : ` (${reason})`}`;
  const level = to === "NOT_SERVING" || to === "failing" ? "warn" : "info";
  logger[level]({ event: "transition", ...transition }, `${subject} ${title}: ${from} -> ${to}${suffix}`);
}
