/**
 * `healthbridge serve`: reads the file and the flags, starts the daemon, reloads it, and ends it at a signal.
 */
import { randomUUID } from "node:crypto";
import { ConfigError } from "../config/fault.js";
import { FileThreads } from "../config/file-operation.js";
import { isDescriptor } from "../config/read-file.js";
import type { LoadedConfig } from "../config/validate.js";
import { keepAlive } from "../core/background.js";
import { publish } from "../core/channels.js";
import { systemClock } from "../core/clock.js";
import { HealthError } from "../core/health-error.js";
import { type Daemon, startDaemon } from "../daemon/daemon.js";
import type { ServiceManager } from "../daemon/service-manager.js";
import type { ShutdownTimes } from "../lifecycle/shutdown.js";
import { listenToProcess, TERMINATION_SIGNALS, type TerminationSignal } from "../lifecycle/signals.js";
import { createLog, type Log } from "../telemetry/log.js";
import { LogOutput, openSink } from "../telemetry/log-output.js";
import { formatLine, type LogForm, type LogFormat } from "../telemetry/log-text.js";
import type { FlagValues } from "./flags.js";
import type { CommandHelp } from "./help.js";
import { fileOf, loadConfig } from "./load-config.js";
import { Reloader, type ReloaderDeps, type WatchedFile } from "./reload.js";
import { logFormatOf, logLevelOf, SERVE_FLAGS } from "./serve-flags.js";
import { misspeltVariables, readFlagsAndVariables } from "./variables.js";

export const HELP: CommandHelp = {
  about: "Serves health over gRPC (grpc.health.v1) and HTTP (/healthcheck), both on every address.",
  usage: "[serve] [FLAGS]",
  flags: SERVE_FLAGS,
  notes: `Each flag with a value can be a variable: HEALTHBRIDGE_LOG_LEVEL=debug is --log-level debug.
A flag wins over its variable. Values of a repeatable flag are separated by spaces.`,
  exitCodes: [[0, "ended in order by SIGTERM or SIGINT; a second signal n exits at once with 128 + n"]],
  examples: [
    "healthbridge serve",
    "healthbridge serve -c healthbridge.yaml",
    "healthbridge serve --check flower=http://localhost:5555/healthcheck",
    "healthbridge serve --listen :50051 --check orders=grpc://localhost:9000/acme.Orders --interval 5s",
  ],
};

/** The times of the shutdown after a fatal error. */
const FATAL_TIMES = { drainDelayMs: 0, closeTimeoutMs: 300 } as const;

/** Time from a fatal error to the end of the process, at the latest. */
const FATAL_LIMIT_MS = 800;

/** The time that a thread may need to end what it reads. */
const THREADS_LIMIT_MS = 100;

/** Fatal errors that are logged. The first one ends the process; until then, others may follow. */
const MAX_FATAL_LINES = 5;

/** The parts of a run. */
interface ServeRun extends ReloaderDeps {
  /** The configuration of the start. */
  readonly loaded: LoadedConfig;
}

/** Runs until a signal ends it. Resolves with the exit code. */
export async function run(args: readonly string[]): Promise<number> {
  const values = readFlagsAndVariables(SERVE_FLAGS, args, { environment: process.env });
  const [level, form] = [logLevelOf(values), formOf(logFormatOf(values))];
  const name = fileOf(values);
  const load = () => loadConfig(name, values);
  const threads = new FileThreads();
  // a pipe can be read once: it is not watched
  const file = name === undefined || isDescriptor(name) ? undefined : await watchedFile(name, threads);
  try {
    const loaded = await (file === undefined ? load() : readSettled(file, load));
    const instance = randomUUID();
    const output = openLogOutput(instance, form, () => log);
    const log = createLog(instance, level, output);
    const serviceManager = await openServiceManager(instance, log);
    const start = async (reload: Reloader["reload"]) => {
      const source = { name: name ?? "", reload };
      const deps = {
        instance,
        log,
        threadLog: { level, form },
        environment: process.env,
        file: source,
        serviceManager,
        fileThreads: threads,
      };
      const daemon = await startDaemon(loaded, deps).catch(rethrowWithHint);
      warnOfOldNode(log);
      for (const text of misspeltVariables(SERVE_FLAGS, process.env)) log.write("warn", "config-warning", text);
      return daemon;
    };
    const readers = { reload: reloadOf(file, values), renew: renewOf(name, values), clock: systemClock, threads };
    const exitCode = await untilSignal(start, { file, ...readers, serviceManager, loaded, instance, log });
    log.write("info", "stopped", "stopped");
    log.close();
    // a reader that has stopped must not keep the process alive
    if (!(await output.flush()) || !(await keepAlive(threads.areFree(THREADS_LIMIT_MS, systemClock))))
      await exit(exitCode, threads);
    return exitCode;
  } finally {
    file?.watch.close();
  }
}

/** systemd sets `NOTIFY_SOCKET` in units with `Type=notify`. Its code is loaded there only. */
async function openServiceManager(instance: string, log: Log): Promise<ServiceManager | undefined> {
  const { env: environment, pid } = process;
  if (!environment.NOTIFY_SOCKET) return undefined;
  const { ServiceManager } = await import("../daemon/service-manager.js");
  return new ServiceManager({ clock: systemClock, instance, log, environment, pid });
}

/** Names what would be right, in words of the command line. */
function rethrowWithHint(error: unknown): never {
  if (!(error instanceof HealthError) || error.code !== "LISTEN_FAILED") throw error;
  if (/^\w+\.listen: /.test(error.message)) throw error; // it names its key
  const message = `${error.message}; choose other addresses with --listen or the key \`listen\``;
  throw new HealthError(error.code, message, { cause: error });
}

/** Warns once, at start, if this version of Node gets no more fixes: its HTTP/2 has faults that later versions do not have. */
export function warnOfOldNode(log: Log, version: string = process.versions.node): void {
  const major = Number(version.split(".")[0]);
  if (major >= 22) return;
  const message = `Node ${version} no longer gets security fixes; use 22.23 or 24.18, or a later version`;
  log.write("warn", "old-node", message, { node: version });
}

/** The form of the log: by default text at a terminal, otherwise JSON. `NO_COLOR` and a terminal without colours are respected. */
function formOf(format: LogFormat | undefined): LogForm {
  const { stdout } = process;
  const isTerminal = stdout.isTTY === true;
  if ((format ?? (isTerminal ? "text" : "json")) === "json") return "json";
  return { isTerminal, hasColours: isTerminal && stdout.hasColors() && (process.env.NO_COLOR ?? "") === "" };
}

/**
 * Writes the log to stdout.
 * @param log the log that gets a line when dropped lines are over
 */
function openLogOutput(
  instance: string,
  form: LogForm,
  log: () => Log,
): { write(line: string): void; flush(): Promise<boolean> } {
  const { stdout, stderr } = process;
  // what Node and libraries print is lost when stderr is closed, and must not end the service
  stderr.on("error", () => {});
  const output = new LogOutput(openSink(stdout), {
    onDropped: (lines) => publish("log-dropped", { instance, lines }),
    onFlowing: (lines) =>
      log().write("warn", "log-dropped", `${lines} log lines were dropped: their reader was too slow`, { lines }),
  });
  return { write: (line) => output.write(formatLine(line, form)), flush: () => output.flush() };
}

async function watchedFile(name: string, threads: FileThreads): Promise<WatchedFile> {
  const { FileWatch } = await import("../config/file-watch.js");
  return { name, watch: new FileWatch(name, systemClock, threads) };
}

function reloadOf(file: WatchedFile | undefined, values: FlagValues): ReloaderDeps["reload"] {
  return async ({ fileChecks }, signal) => {
    const { loadInThread } = await import("./config-thread.js");
    return loadInThread({ file: file?.name ?? "", values, fileChecks }, signal);
  };
}

function renewOf(file: string | undefined, values: FlagValues): ReloaderDeps["renew"] {
  return async ({ fileChecks, text, files }, changed, signal) => {
    const { loadInThread } = await import("./config-thread.js");
    return loadInThread({ file, values, fileChecks, accepted: { text, files, changed } }, signal);
  };
}

/** @throws ConfigError also for a file that is being written all the time */
function readSettled({ name, watch }: WatchedFile, load: () => Promise<LoadedConfig>): Promise<LoadedConfig> {
  const refuse = (text: string) => {
    throw new ConfigError(name, [{ place: undefined, path: [], text: `this file ${text}` }]);
  };
  return keepAlive(watch.read(load, refuse));
}

/**
 * Starts the daemon, and shuts it down at the first signal; exits at once at the second. Signals are handled before anything
 * is served: one that comes during the start takes effect when the start is complete.
 */
function untilSignal(start: (reload: Reloader["reload"]) => Promise<Daemon>, run: ServeRun): Promise<number> {
  return new Promise((resolve, reject) => {
    const { file, log, loaded, threads } = run;
    let fatalErrors = 0;
    let daemon: Daemon | undefined;
    const stop = (times: ShutdownTimes) => {
      reloader.stop();
      void starting.then((daemon) => daemon.stop(times)).then(finish, fail);
    };
    const leave = listenToProcess({
      onTerminate(signal) {
        if (fatalErrors > 0) return; // the process is ending
        const services = daemon?.serviceCount;
        log.write("info", "draining", drainingText(signal, services), { services });
        stop(timesAfter(signal));
      },
      onInsist: (signal) => void exit(fatalErrors > 0 ? 1 : TERMINATION_SIGNALS[signal], threads),
      onReload: () => void reloader.request("forced").catch(fail),
      onFatal(error) {
        fatalErrors += 1;
        if (fatalErrors === 1) exitAfterFatal(threads);
        if (fatalErrors <= MAX_FATAL_LINES)
          log.write("error", "fatal", "unexpected error; shutting down", { err: error });
        if (fatalErrors === 1) stop(FATAL_TIMES);
      },
    });
    const finish = () => {
      leave();
      resolve(fatalErrors > 0 ? 1 : 0);
    };
    const fail = (error: unknown) => {
      if (fatalErrors === 0) reject(error);
      else log.write("error", "fatal", "the shutdown failed", { err: error });
      finish();
    };
    const starting = start(() => reloader.reload()).then((started) => {
      daemon = started;
      return started;
    });
    starting.catch(fail);
    const reloader = new Reloader(run, starting, loaded);
    starting.then(
      () => reloader.watchFiles(),
      () => {}, // `fail` reports it
    );
    file?.watch.start(() => void reloader.request("changed").catch(fail));
  });
}

/**
 * Ends the process with code 1 within a second, whatever the rest of the program does. It may end earlier: the exit code is
 * set at once, because Node ends a process in which nothing is left to do, with code 0, or with 13 if a module still
 * awaits something.
 */
function exitAfterFatal(threads: FileThreads): void {
  process.exitCode = 1;
  // not a timer of the clock: those do not keep the process alive
  setTimeout(() => void exit(1, threads), FATAL_LIMIT_MS);
}

/** Ends the process. Node would wait for its threads, and one that reads from a mount without an answer never ends. */
async function exit(code: number, threads: FileThreads): Promise<void> {
  if (await keepAlive(threads.areFree(THREADS_LIMIT_MS, systemClock))) process.exit(code);
  else process.kill(process.pid, "SIGKILL");
}

/** Ctrl-C at a terminal does not wait for load balancers. */
function timesAfter(signal: TerminationSignal): ShutdownTimes {
  return isInteractive(signal) ? { drainDelayMs: 0 } : {};
}

function drainingText(signal: TerminationSignal, count: number | undefined): string {
  const again = isInteractive(signal) ? "press Ctrl-C again" : "send the signal again";
  const services = count === undefined || count < 2 ? "all services" : `all ${count} services`;
  return `${signal}: draining: ${services} report NOT_SERVING; ${again} to exit now`;
}

function isInteractive(signal: TerminationSignal): boolean {
  return signal === "SIGINT" && process.stdin.isTTY;
}
