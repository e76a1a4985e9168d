/**
 * `healthbridge probe`, which is also the program `grpc-health-probe`: a drop-in for grpc_health_probe. Its flags, texts,
 * streams and exit codes are those of that program; docs/probe.md lists what is better.
 *
 *     exit codes   0 SERVING   1 bad arguments   2 not connected   3 the call failed   4 not SERVING   20 no SPIFFE credentials
 *
 * This file and what it imports are a bundle of their own, because an exec probe starts a process each time. So it loads
 * no module of Node beside `node:net` until it is needed, and imports with `import()` what a plain Check does not need: the
 * bundle has that as text, which V8 does not compile.
 */
import { Cancellation } from "./probe/cancellation.js";
import { millisecondsOf } from "./probe/go-format.js";
import { type AttemptDeps, attemptChecks } from "./probe/probe-attempt.js";
import { probeClock } from "./probe/probe-clock.js";
import { type ProbeIo, processIo } from "./probe/probe-io.js";
import { EXIT } from "./probe/probe-outcome.js";
import type { ProbeReport } from "./probe/probe-report.js";
import { PROBE_FLAGS, type ProbeSettings, readProbeSettings } from "./probe/probe-settings.js";

/** Resolves with the exit code. */
export async function run(args: readonly string[], io: ProbeIo = processIo()): Promise<number> {
  const reading = readProbeSettings(args, io.env);
  if ("error" in reading) {
    if (reading.error !== "") io.err(reading.error);
    if (reading.showsUsage) io.err((await texts()).goUsage(PROBE_FLAGS).trimEnd());
    return EXIT.arguments;
  }
  const { settings } = reading;
  if (settings.isVersion) {
    io.out((await texts()).versionText());
    return EXIT.serving;
  }
  if (settings.isVerbose) for (const line of (await texts()).optionLines(settings)) io.err(line);
  const fault = credentialsFault(settings);
  if (fault !== undefined) {
    io.err(fault);
    return EXIT.arguments;
  }
  return probeUntilSignal(settings, io);
}

const texts = () => import("./probe/probe-texts.js");

async function probeUntilSignal(settings: ProbeSettings, io: ProbeIo): Promise<number> {
  const cancellation = new Cancellation();
  const stop = io.onSignal((signal) => {
    if (cancellation.isCancelled) return;
    io.err(`cancellation received (signal: ${signal === "SIGINT" ? "interrupt" : "terminated"})`);
    cancellation.cancel();
  });
  const verbose = (text: string) => {
    if (settings.isVerbose) io.err(text);
  };
  const endsAt = settings.wait === undefined ? undefined : probeClock.now() + millisecondsOf(settings.wait);
  const deps: AttemptDeps = { settings, cancellation, env: io.env, verbose, endsAt };
  try {
    if (settings.isWatch) return await (await import("./probe/watch-statuses.js")).watchStatuses(deps, io);
    return await probeUntilHealthy(await attemptOf(settings), deps, io);
  } finally {
    stop();
  }
}

type Attempt = (deps: AttemptDeps) => Promise<ProbeReport>;

async function attemptOf({ isList, http }: ProbeSettings): Promise<Attempt> {
  if (http !== undefined) return (await import("./probe/http-attempt.js")).attemptHttp;
  return isList ? (await import("./probe/list-attempt.js")).attemptList : attemptChecks;
}

/** How long `-wait` pauses between two attempts. */
const PAUSE_MS = 200;

/** One attempt; with `-wait`, further ones until the service is healthy or the time is over. The last one is shown. */
async function probeUntilHealthy(attempt: Attempt, deps: AttemptDeps, io: ProbeIo): Promise<number> {
  const { settings, cancellation, endsAt = 0 } = deps;
  for (;;) {
    const report = await attempt(deps);
    const isLast =
      report.exitCode === EXIT.serving ||
      report.exitCode === EXIT.arguments ||
      cancellation.isCancelled ||
      probeClock.now() + PAUSE_MS >= endsAt;
    if (isLast || settings.isVerbose) for (const line of report.errors) io.err(line);
    if (isLast) for (const line of report.lines) io.out(line);
    if (isLast) return report.exitCode;
    await cancellation.pause(PAUSE_MS);
  }
}

/** Ways to get credentials that there are not. */
function credentialsFault({ isTls, isSpiffe, isAlts }: ProbeSettings): string | undefined {
  if (isTls && isSpiffe) return "-tls and -spiffe are mutually incompatible";
  return isAlts ? "error: -alts is not supported; use -tls or -spiffe" : undefined;
}
