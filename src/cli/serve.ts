/**
 * `healthbridge serve`: reads the file and the flags, starts the daemon, reloads it, and ends it at a signal.
 */
import { randomUUID } from "node:crypto";
import type { LoadedConfig } from "../config/validate.js";
import { publish } from "../core/channels.js";
import { systemClock } from "../core/clock.js";
import { messageOf } from "../core/health-error.js";
import { type Daemon, startDaemon } from "../daemon/daemon.js";
import type { ShutdownTimes } from "../lifecycle/shutdown.js";
import { listenToProcess, TERMINATION_SIGNALS, type TerminationSignal } from "../lifecycle/signals.js";
import { createLog, type Log } from "../telemetry/log.js";
import { LogOutput, openSink } from "../telemetry/log-output.js";
import { terminalLine } from "../telemetry/terminal.js";
import { describeFlags, readFlags } from "./flags.js";
import { fileOf, loadConfig } from "./load-config.js";
import { logLevelOf, SERVE_FLAGS } from "./serve-flags.js";

/** After a fatal error: the times of the shutdown, and the time after which the process ends in any case. */
const FATAL_TIMES = { drainDelayMs: 0, closeTimeoutMs: 500 } as const;
const FATAL_LIMIT_MS = 1_000;

/** The parts of a run. */
interface Run {
  readonly file: string | undefined;
  readonly load: () => Promise<LoadedConfig>;
  readonly watch: ConfigWatch;
  readonly instance: string;
  readonly log: Log;
}

/** Runs until a signal ends it. Resolves with the exit code. */
export async function run(args: readonly string[]): Promise<number> {
  const values = readFlags(SERVE_FLAGS, args);
  if (values.has("help")) {
    process.stdout.write(helpText());
    return 0;
  }
  const file = fileOf(values);
  const load = () => loadConfig(file, values);
  const level = logLevelOf(values);
  // watched before it is read: a change between the two would be missed
  const watch = await watchConfig(file);
  try {
    const loaded = await load();
    const instance = randomUUID();
    const output = openLogOutput(instance, () => log);
    const log = createLog(instance, level, output);
    const start = async () => {
      const daemon = await startDaemon(loaded, { instance, log, environment: process.env });
      warnOfOldNode(log);
      return daemon;
    };
    const exitCode = await untilSignal(start, { file, load, watch, instance, log });
    log.write("info", "stopped", "stopped");
    log.close();
    // a reader that has stopped must not keep the process alive
    if (!(await output.flush())) process.exit(exitCode);
    return exitCode;
  } finally {
    watch.end();
  }
}

/** Warns once, at start, if this version of Node gets no more fixes: its HTTP/2 has faults that later versions do not have. */
export function warnOfOldNode(log: Log, version: string = process.versions.node): void {
  const major = Number(version.split(".")[0]);
  if (major >= 22) return;
  const message = `Node ${version} no longer gets security fixes; use 22.23 or 24.18, or a later version`;
  log.write("warn", "old-node", message, { node: version });
}

/**
 * Writes the log to stdout: as JSON, and at a terminal as text. `NO_COLOR` and a terminal without colours are respected.
 * @param log the log that gets a line when dropped lines are over
 */
function openLogOutput(instance: string, log: () => Log): { write(line: string): void; flush(): Promise<boolean> } {
  const { stdout, stderr } = process;
  // what Node and libraries print is lost when stderr is closed, and must not end the service
  stderr.on("error", () => {});
  const output = new LogOutput(openSink(stdout), {
    onDropped: (lines) => publish("log-dropped", { instance, lines }),
    onFlowing: (lines) =>
      log().write("warn", "log-dropped", `${lines} log lines were dropped: their reader was too slow`, { lines }),
  });
  if (!stdout.isTTY) return output;
  const colour = stdout.hasColors() && (process.env.NO_COLOR ?? "") === "";
  return { write: (line) => output.write(terminalLine(line, colour)), flush: () => output.flush() };
}

/** Calls `onChange` when the file changes. */
interface ConfigWatch {
  onChange: () => void;
  readonly end: () => void;
}

async function watchConfig(file: string | undefined): Promise<ConfigWatch> {
  if (file === undefined) return { onChange: () => {}, end: () => {} };
  const { watchFile } = await import("../config/file-watch.js");
  const watch: ConfigWatch = { onChange: () => {}, end: watchFile(file, systemClock, () => watch.onChange()) };
  return watch;
}

/**
 * Starts the daemon, and shuts it down at the first signal; exits at once at the second. Signals are handled before anything
 * is served: one that comes during the start takes effect when the start is complete.
 */
function untilSignal(start: () => Promise<Daemon>, run: Run): Promise<number> {
  return new Promise((resolve, reject) => {
    const { log } = run;
    let exitCode = 0;
    let isEnding = false;
    const stop = (times: ShutdownTimes) => {
      isEnding = true;
      void starting.then((daemon) => daemon.stop(times)).then(finish, fail);
    };
    const reload = () => {
      if (!isEnding) void starting.then((daemon) => reloadDaemon(daemon, run)).catch(fail);
    };
    const leave = listenToProcess({
      onTerminate(signal) {
        log.write("info", "draining", drainingText(signal));
        stop(timesAfter(signal));
      },
      onInsist: (signal) => process.exit(TERMINATION_SIGNALS[signal]),
      onReload: reload,
      onFatal(error) {
        log.write("error", "fatal", "unexpected error; shutting down", { err: error });
        systemClock.setTimer(FATAL_LIMIT_MS, () => process.exit(1));
        exitCode = 1;
        stop(FATAL_TIMES);
      },
    });
    const finish = () => {
      leave();
      resolve(exitCode);
    };
    const fail = (error: unknown) => {
      leave();
      reject(error);
    };
    const starting = start();
    run.watch.onChange = reload;
    starting.catch(fail);
  });
}

/** Reads the configuration again. An invalid one changes nothing, and every error is logged. */
async function reloadDaemon(daemon: Daemon, { file, load, instance, log }: Run): Promise<void> {
  try {
    daemon.reload(await load());
    log.write("info", "reloaded", file === undefined ? "nothing to reload: no configuration file" : `reloaded ${file}`);
    publish("reload", { instance, error: undefined });
  } catch (error) {
    for (const line of messageOf(error).split("\n"))
      log.write("error", "reload-refused", `${line}; keeping the previous configuration`);
    publish("reload", { instance, error });
  }
}

/** Ctrl-C at a terminal does not wait for load balancers. */
function timesAfter(signal: TerminationSignal): ShutdownTimes {
  return isInteractive(signal) ? { drainDelayMs: 0 } : {};
}

function drainingText(signal: TerminationSignal): string {
  const again = isInteractive(signal) ? "press Ctrl-C again" : "send the signal again";
  return `${signal}: draining: all services report NOT_SERVING; ${again} to exit now`;
}

function isInteractive(signal: TerminationSignal): boolean {
  return signal === "SIGINT" && process.stdin.isTTY;
}

function helpText(): string {
  return `Serves health over gRPC (grpc.health.v1) and HTTP (/healthcheck), both on every address.

Usage: healthbridge [serve] [FLAGS]

${describeFlags(SERVE_FLAGS)}

Examples:
  healthbridge serve
  healthbridge serve -c healthbridge.yaml
  healthbridge serve --check flower=http://localhost:5555/healthcheck
  healthbridge serve --listen :50051 --check orders=grpc://localhost:9000/acme.Orders --interval 5s
`;
}
