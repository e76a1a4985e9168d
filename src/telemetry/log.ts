/**
 * The log: one JSON line an event, from the channels on which the rooms publish.
 *
 * It tells what changed, not what was asked: a prober that calls every second leaves no line (health traffic that
 * floods logs is a common complaint). What one probe found is there at level `debug`.
 *
 * Every line has `event`, the stable name of what happened, beside the words for people in `msg`.
 */
import { type DestinationStream, type Logger, pino } from "pino";
import { type ChannelMessages, type Published, subscribe } from "../core/channels.js";

/** How much is told. */
export type LogLevel = "debug" | "info" | "warn" | "error" | "silent";

/** Every level, the most talkative first. */
export const LOG_LEVELS: readonly LogLevel[] = ["debug", "info", "warn", "error", "silent"];

/** The log of one instance. */
export interface Log {
  /** Writes an event of the program itself. */
  write(level: "info" | "warn" | "error", event: string, message: string, fields?: object): void;
  /** Stops listening to the channels. */
  close(): void;
}

/** Starts to log what one instance publishes. */
export function createLog(instance: string, level: LogLevel, destination: DestinationStream): Log {
  const formatters = { level: (label: string) => ({ level: label }) };
  const logger = pino({ level, base: null, formatters, timestamp: pino.stdTimeFunctions.isoTime }, destination);
  const listen = <Name extends keyof ChannelMessages>(name: Name, tell: (message: Published<Name>) => void) =>
    subscribe(name, (message) => void (message.instance === instance && tell(message)));
  const ways = [
    listen("transition", (transition) => tellTransition(logger, transition)),
    listen("write-held", ({ service, status }) =>
      logger.info({ event: "write-held", service, status }, "held back until resume, since this server is draining"),
    ),
    listen("listener-failed", ({ error }) =>
      logger.error({ event: "listener-failed", err: error }, "a listener of transitions threw; the others were called"),
    ),
    listen("prober-failed", ({ check, reason, error }) =>
      logger.warn({ event: "prober-failed", check, reason, err: error }, "could not look; the check keeps its state"),
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
      for (const leave of ways) leave();
    },
  };
}

function tellTransition(logger: Logger, { instance: _, ...transition }: Published<"transition">): void {
  const { subject, name, from, to, degraded, reason } = transition;
  const title = name === "" ? "overall" : JSON.stringify(name);
  const suffix = `${degraded ? ", degraded" : ""}${reason === undefined ? "" : ` (${reason})`}`;
  const level = to === "NOT_SERVING" || to === "failing" ? "warn" : "info";
  logger[level]({ event: "transition", ...transition }, `${subject} ${title}: ${from} -> ${to}${suffix}`);
}
