/**
 * The log: one JSON line for each event on the channels.
 *
 * It contains changes, not requests: a client that asks every second causes no line. The result of each probe is logged
 * at level `debug`.
 *
 * Every line has `event`, a stable name for programs, and `msg`, a text for people.
 *
 * Events that a client or a target can cause are limited to 10 lines a second for each event. Transitions are not limited.
 */
import { type ProxyHeaderFault, type Published, subscribe } from "../core/channels.js";
import { type Clock, systemClock } from "../core/clock.js";
import { messageOf } from "../core/health-error.js";
import { printable } from "../core/printable.js";
import { EventLimit } from "./event-limit.js";
import { logRecovery } from "./recovery-lines.js";
import { TransitionLines } from "./transition-lines.js";
import { isWebhookLogged, logWebhook } from "./webhook-lines.js";

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

/** Takes lines. Each is a JSON object and a line break. */
export interface LogDestination {
  write(line: string): void;
}

/** A logger of each level. */
export type Logger = Readonly<Record<Exclude<LogLevel, "silent">, (fields: object, message: string) => void>>;

/** Logs the events of one instance. */
export function createLog(
  instance: string,
  level: LogLevel,
  destination: LogDestination,
  clock: Clock = systemClock,
): Log {
  const logger = createLogger(level, destination);
  const limits: EventLimit[] = [];
  const limitOf = (name: LoggedEvent): EventLimit | undefined => {
    const at = LIMITED[name];
    if (at === undefined) return undefined;
    const limit = new EventLimit(clock, (suppressed) =>
      logger[at](
        { event: "lines-suppressed", of: name, suppressed },
        `${suppressed} more ${name} events in the same second were not logged`,
      ),
    );
    limits.push(limit);
    return limit;
  };
  const listen = <Name extends LoggedEvent>(name: Name) => {
    const limit = limitOf(name);
    return subscribe(name, (message) => {
      if (message.instance !== instance || IS_LOGGED[name]?.(message) === false) return;
      if (limit?.admit() !== false) WRITERS[name](logger, message);
    });
  };
  const lines = new TransitionLines((at, fields, message) => logger[at](fields, message));
  const transitions = subscribe("transition", ({ instance: from, ...transition }) => {
    if (from === instance) lines.add(transition);
  });
  const subscriptions = [transitions, ...LOGGED_EVENTS.map((name) => listen(name))];
  return {
    write: (at, event, message, fields = {}) => logger[at]({ event, ...fields }, message),
    close: () => {
      for (const unsubscribe of subscriptions) unsubscribe();
      for (const limit of limits) limit.end();
    },
  };
}

/** The channels that have a line for each message, beside `transition`. */
const LOGGED_EVENTS = [
  "write-held",
  "listener-failed",
  "prober-failed",
  "probe-abandoned",
  "abandoned-ended",
  "check-advice",
  "name-taken",
  "instance-source",
  "probe",
  "probes-late",
  "main-thread-stalled",
  "recovery",
  "webhook",
  "xds-nack",
  "connection-ended",
  "client-refused",
  "proxy-header-refused",
  "journal-damaged",
  "journal-failed",
  "journal-full",
  "fault",
] as const;

type LoggedEvent = (typeof LOGGED_EVENTS)[number];

/** Events that clients and targets can cause, and the level at which the number of suppressed lines is logged. */
const LIMITED: Readonly<Partial<Record<LoggedEvent, keyof Logger>>> = {
  "write-held": "info",
  "listener-failed": "error",
  "prober-failed": "warn",
  "probe-abandoned": "warn",
  "abandoned-ended": "info",
  "name-taken": "warn",
  "instance-source": "warn",
  recovery: "warn",
  webhook: "warn",
  "xds-nack": "warn",
  "connection-ended": "debug",
  "client-refused": "warn",
  "proxy-header-refused": "warn",
  fault: "error",
};

/** Messages of these events may make no line. They do not count for the limit either. */
const IS_LOGGED: { readonly [Name in LoggedEvent]?: (message: Published<Name>) => boolean } = {
  webhook: isWebhookLogged,
  "instance-source": ({ isNew, outcome }) => isNew && outcome !== "removed",
};

const WRITERS: { readonly [Name in LoggedEvent]: (logger: Logger, message: Published<Name>) => void } = {
  "write-held": (logger, { service, status }) =>
    logger.info({ event: "write-held", service, status }, "draining: the change is held back until resume"),
  "listener-failed": (logger, { error }) =>
    logger.error(
      { event: "listener-failed", err: error },
      "a transition listener threw an error; the other listeners were called",
    ),
  "prober-failed": (logger, { check, reason, error }) =>
    logger.warn({ event: "prober-failed", check, reason, err: error }, "could not probe; the check keeps its state"),
  "probe-abandoned": (logger, { check, timeoutMs }) =>
    logger.warn(
      { event: "probe-abandoned", check, timeoutMs },
      `${JSON.stringify(check)}: a probe has not ended after its timeout of ${timeoutMs} ms; the check goes on without it`,
    ),
  "abandoned-ended": (logger, { check, lastedMs }) =>
    logger.info(
      { event: "abandoned-ended", check, lastedMs },
      `${JSON.stringify(check)}: the abandoned probe has ended after ${Math.round(lastedMs)} ms; its result is ignored`,
    ),
  "check-advice": (logger, { check, reason, advice }) =>
    logger.warn({ event: "check-advice", check, reason }, `${JSON.stringify(check)}: ${advice}`),
  "name-taken": (logger, { check, service }) =>
    logger.warn(
      { event: "name-taken", check, service },
      `the target of ${JSON.stringify(check)} reports ${JSON.stringify(service)}, a name that is already in use; it is not published`,
    ),
  "instance-source": (logger, { service, outcome, addresses, detail }) => {
    const fields = { event: "instance-source", service, outcome, addresses, detail };
    const title = `instances of ${JSON.stringify(service)}`;
    if (outcome === "found") logger.info(fields, `${title}: the source answers; ${addresses} addresses`);
    else if (outcome === "refused") logger.warn(fields, `${title}: not every address can be checked: ${detail}`);
    else logger.warn(fields, `${title}: the source has failed; keeping ${addresses} addresses: ${detail}`);
  },
  probe: (logger, { check, outcome, reason, detail, latencyMs }) =>
    logger.debug({ event: "probe", check, outcome, reason, detail, latencyMs }, `${check}: ${outcome}`),
  "probes-late": (logger, { lagMs }) => {
    if (lagMs === 0) logger.info({ event: "probes-in-time" }, "probes start in time again");
    else
      logger.warn(
        { event: "probes-late", lagMs: Math.round(lagMs) },
        `probes start ${secondsOf(lagMs)} late: healthbridge has more checks than it can probe in time`,
      );
  },
  "main-thread-stalled": (logger, { silenceMs, isOver }) => {
    // the beginning: `logStall` has written it, in time
    if (isOver)
      logger.info(
        { event: "main-thread-resumed", silenceMs },
        `the event loop runs again: it was blocked for ${secondsOf(silenceMs)}`,
      );
  },
  recovery: logRecovery,
  webhook: logWebhook,
  "xds-nack": (logger, { type, detail }) =>
    logger.warn({ event: "xds-nack", type, detail }, `an xDS client has refused a response (${type}): ${detail}`),
  "connection-ended": (logger, { address, rule }) =>
    logger.debug({ event: "connection-ended", address, rule }, `connection ended: ${rule}`),
  "client-refused": (logger, { address, cause, names }) =>
    logger.warn(
      { event: "client-refused", address, cause, names },
      `a client was refused: ${cause}${names.length === 0 ? "" : ` (${names.join(", ")})`}`,
    ),
  "proxy-header-refused": (logger, { address, fault }) =>
    logger.warn(
      { event: "proxy-header-refused", address, fault },
      `a connection of the proxy ${address} was closed: its PROXY header is ${FAULT_TEXTS[fault]}`,
    ),
  "journal-damaged": logJournalDamage,
  "journal-failed": logJournalFailure,
  "journal-full": (logger, { file, maxNames }) =>
    logger.warn(
      { event: "journal-full", file, maxNames },
      `${file} has ${maxNames} names; the state of further ones is not stored, and is lost at a restart`,
    ),
  fault: (logger, { where, error }) => logger.error({ event: "fault", where, err: error }, `fault in ${where}`),
};

const FAULT_TEXTS: Readonly<Record<ProxyHeaderFault, string>> = {
  missing: "missing; switch the PROXY protocol on in the proxy, or remove its address from proxyProtocol.from",
  malformed: "malformed",
  "too-long": "too long",
  checksum: "damaged: its checksum does not match",
  timeout: "not complete in time",
  cut: "cut: the connection ended before its end",
};

/** Logs that the main thread shows no sign of life: a listener thread does, because the main thread cannot. */
export function logStall(level: LogLevel, destination: LogDestination, silenceMs: number): void {
  const message = `the event loop has been blocked for ${secondsOf(silenceMs)}: all services report NOT_SERVING until it runs again`;
  createLogger(level, destination).error({ event: "main-thread-stalled", silenceMs }, message);
}

function secondsOf(ms: number): string {
  return `${(ms / 1_000).toFixed(1)} s`;
}

function createLogger(level: LogLevel, destination: LogDestination): Logger {
  const writer = (at: LogLevel) =>
    LOG_LEVELS.indexOf(at) < LOG_LEVELS.indexOf(level)
      ? () => {}
      : (fields: object, message: string) => destination.write(jsonLine(at, fields, message));
  return { debug: writer("debug"), info: writer("info"), warn: writer("warn"), error: writer("error") };
}

/**
 * One line. A logging library would do the same; the smallest, pino, needs 8 MB of memory, two thirds of what `serve`
 * needs beside Node.
 */
function jsonLine(level: LogLevel, fields: object, message: string): string {
  const time = new Date().toISOString();
  let json: string;
  try {
    const entry = { level, time, ...fields, msg: message };
    json = JSON.stringify(entry, (_, value: unknown) => (value instanceof Error ? errorFields(value) : value));
  } catch (error) {
    // code may throw anything: an object that contains itself, a getter that throws
    json = JSON.stringify({ level, time, msg: message, unwritable: messageOf(error) });
  }
  // JSON does not escape C1 control characters and marks of text direction
  return `${printable(json)}\n`;
}

/** The causes of an error that are logged. A chain can be longer, or a circle. */
const MAX_CAUSES = 5;

function errorFields(error: Error, depth = 0): object {
  const { name, message, stack, cause } = error;
  return {
    type: name,
    ...("code" in error ? { code: String(error.code) } : {}),
    message,
    stack,
    ...(cause instanceof Error && depth < MAX_CAUSES ? { cause: errorFields(cause, depth + 1) } : {}),
  };
}

function logJournalDamage(logger: Logger, { instance: _, ...damage }: Published<"journal-damaged">): void {
  const { file, damagedLines, tornBytes, records } = damage;
  const fields = { event: "journal-damaged", ...damage };
  if (damagedLines === 0)
    logger.info(fields, `${file}: the last write was cut by a crash; its ${tornBytes} bytes are dropped`);
  else logger.warn(fields, `${file}: ${damagedLines} damaged lines are dropped; ${records} records are used`);
}

function logJournalFailure(logger: Logger, { file, failures, error }: Published<"journal-failed">): void {
  const event = "journal-failed";
  if (error === undefined)
    logger.info(
      { event: "journal-written", file, failures },
      `${file} is written again, after ${failures} failed attempts`,
    );
  else
    logger.error(
      { event, file, failures, err: error },
      `cannot write ${file} (${failures} times in a row): ${messageOf(error)}; healthbridge keeps serving, and keeps the state in memory`,
    );
}
