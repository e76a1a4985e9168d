/**
 * `healthbridge serve`: reads the flags, starts the daemon, and ends it when it is asked to.
 */
import { randomUUID } from "node:crypto";
import { systemClock } from "../core/clock.js";
import { type Daemon, startDaemon } from "../daemon/daemon.js";
import type { ShutdownTimes } from "../lifecycle/shutdown.js";
import { listenToProcess, TERMINATION_SIGNALS, type TerminationSignal } from "../lifecycle/signals.js";
import { createLog, type Log } from "../telemetry/log.js";
import { describeFlags, readFlags } from "./flags.js";
import { logDestination } from "./log-destination.js";
import { warnOfOldNode } from "./node-version.js";
import { configOf, logLevelOf, SERVE_FLAGS } from "./serve-flags.js";

/** What a process that has to end for a fault may still take, and when it ends whatever happens. */
const FATAL_TIMES = { drainDelayMs: 0, closeTimeoutMs: 500 };
const FATAL_LIMIT_MS = 1_000;

/** Runs until it is asked to end. Resolves with the exit code. */
export async function run(args: readonly string[]): Promise<number> {
  const values = readFlags(SERVE_FLAGS, args);
  if (values.has("help")) {
    process.stdout.write(helpText());
    return 0;
  }
  const config = configOf(values);
  const instance = randomUUID();
  const log = createLog(instance, logLevelOf(values), logDestination());
  warnOfOldNode(log);
  const exitCode = await untilAskedToEnd(() => startDaemon(config, instance, log), log);
  log.write("info", "stopped", "stopped");
  log.close();
  return exitCode;
}

/**
 * Starts the daemon, and ends it at the first signal; exits at once at the second. Signals are listened to before
 * anything is served: one that comes while it starts is obeyed when it has started.
 */
function untilAskedToEnd(start: () => Promise<Daemon>, log: Log): Promise<number> {
  return new Promise((resolve, reject) => {
    let exitCode = 0;
    const stop = (times: ShutdownTimes) => void starting.then((daemon) => daemon.stop(times)).then(finish, fail);
    const leave = listenToProcess({
      onTerminate(signal) {
        log.write("info", "draining", `${signal}: telling everybody NOT_SERVING, then closing; again to end at once`);
        stop(timesAfter(signal));
      },
      onInsist: (signal) => process.exit(TERMINATION_SIGNALS[signal]),
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
    starting.catch(fail);
  });
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
  healthbridge serve --check flower=http://localhost:5555/healthcheck
  healthbridge serve --listen :50051 --check orders=grpc://localhost:9000/acme.Orders --interval 5s
`;
}
