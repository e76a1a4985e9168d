/**
 * `healthbridge serve`: reads the file and the flags, starts the daemon, reloads it, and ends it when it is asked to.
 */
import { randomUUID } from "node:crypto";
import { existsSync } from "node:fs";
import { type DaemonConfig, DEFAULT_CONFIG_FILE } from "../config/daemon-config.js";
import { publish } from "../core/channels.js";
import { systemClock } from "../core/clock.js";
import { messageOf } from "../core/health-error.js";
import { type Daemon, startDaemon } from "../daemon/daemon.js";
import type { ShutdownTimes } from "../lifecycle/shutdown.js";
import { listenToProcess, TERMINATION_SIGNALS, type TerminationSignal } from "../lifecycle/signals.js";
import { createLog, type Log } from "../telemetry/log.js";
import { describeFlags, type FlagValues, readFlags } from "./flags.js";
import { logDestination } from "./log-destination.js";
import { warnOfOldNode } from "./node-version.js";
import { configOf, logLevelOf, SERVE_FLAGS } from "./serve-flags.js";
import { fitYoungGeneration } from "./young-generation.js";

/** What a process that has to end for a fault may still take, and when it ends whatever happens. */
const FATAL_TIMES = { drainDelayMs: 0, closeTimeoutMs: 500 };
const FATAL_LIMIT_MS = 1_000;

/** What a run is made of. */
interface Run {
  readonly file: string | undefined;
  readonly load: () => Promise<DaemonConfig>;
  readonly watch: ConfigWatch;
  readonly instance: string;
  readonly log: Log;
}

/** Runs until it is asked to end. Resolves with the exit code. */
export async function run(args: readonly string[]): Promise<number> {
  const values = readFlags(SERVE_FLAGS, args);
  if (values.has("help")) {
    process.stdout.write(helpText());
    return 0;
  }
  const file = fileOf(values);
  const load = async () => configOf(values, file === undefined ? undefined : await loadFile(file));
  const level = logLevelOf(values);
  // watched before it is read: a change between the two would else be seen by nobody
  const watch = await watchConfig(file);
  try {
    const config = await load();
    const instance = randomUUID();
    const log = createLog(instance, level, logDestination());
    warnOfOldNode(log);
    fitYoungGeneration(config.checks.length);
    const start = () => startDaemon(config, { instance, log, environment: process.env });
    const exitCode = await untilAskedToEnd(start, { file, load, watch, instance, log });
    log.write("info", "stopped", "stopped");
    log.close();
    return exitCode;
  } finally {
    watch.end();
  }
}

/** Somebody who sees when the file changes. */
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

/** The configuration file: the one that is named, or the usual one if it is there. */
function fileOf(values: FlagValues): string | undefined {
  return values.get("config")?.[0] ?? (existsSync(DEFAULT_CONFIG_FILE) ? DEFAULT_CONFIG_FILE : undefined);
}

/** Whoever has no file does not pay for reading one. */
async function loadFile(file: string): Promise<DaemonConfig> {
  const { loadConfig } = await import("../config/load.js");
  return loadConfig(file, process.env);
}

/**
 * Starts the daemon, and ends it at the first signal; exits at once at the second. Signals are listened to before
 * anything is served: one that comes while it starts is obeyed when it has started.
 */
function untilAskedToEnd(start: () => Promise<Daemon>, run: Run): Promise<number> {
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
        log.write("info", "draining", `${signal}: telling everybody NOT_SERVING, then closing; again to end at once`);
        stop(timesAfter(signal));
      },
      onInsist: (signal) => process.exit(TERMINATION_SIGNALS[signal]),
      onReload: reload,
      onFatal(error) {
        log.write("error", "fatal", "nobody caught this error: ending, since a half-dead process would tell lies", {
          err: error,
        });
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

/** Reads the configuration again. One that is bad changes nothing, and says so. */
async function reloadDaemon(daemon: Daemon, { file, load, instance, log }: Run): Promise<void> {
  try {
    daemon.reload(await load());
    log.write("info", "reloaded", `reloaded ${file ?? "nothing: there is no file"}`);
    publish("reload", { instance, error: undefined });
  } catch (error) {
    for (const line of messageOf(error).split("\n"))
      log.write("error", "reload-refused", `${line}; the old one goes on`);
    publish("reload", { instance, error });
  }
}

/** A person who presses Ctrl-C is not waiting for a load balancer to notice. */
function timesAfter(signal: TerminationSignal): ShutdownTimes {
  return signal === "SIGINT" && process.stdin.isTTY ? { drainDelayMs: 0 } : {};
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
