/**
 * The flags of `healthbridge serve`, and the configuration that they make.
 */
import type { CheckOptions } from "../checks/check-options.js";
import {
  type CheckConfig,
  type DaemonConfig,
  DEFAULT_CONFIG,
  DEFAULT_CONFIG_FILE,
  DEFAULT_LISTEN,
  type TlsFiles,
} from "../config/daemon-config.js";
import { parseDuration } from "../core/duration.js";
import { ENGINE_NAMES, type EngineName } from "../core/engine-name.js";
import { LOG_LEVELS, type LogLevel } from "../telemetry/log.js";
import { type Flag, type FlagValues, UsageError } from "./flags.js";

/** Every flag of the command. */
export const SERVE_FLAGS: readonly Flag[] = [
  {
    name: "config",
    short: "c",
    value: "FILE",
    fallback: `${DEFAULT_CONFIG_FILE} if it is there`,
    help: "YAML file; reloaded when it changes and on SIGHUP. Flags are added to it",
  },
  {
    name: "listen",
    value: "ADDR",
    repeats: true,
    fallback: DEFAULT_LISTEN.join(" and "),
    help: ":PORT, HOST:PORT, [IPV6]:PORT or unix:/PATH; each speaks gRPC and HTTP; repeatable",
  },
  {
    name: "check",
    value: "NAME=URL",
    repeats: true,
    help: "probe URL and publish it as service NAME; repeatable",
  },
  { name: "interval", value: "TIME", fallback: "10s", help: "from the start of a probe to the start of the next" },
  { name: "timeout", value: "TIME", fallback: "2s", help: "a probe's deadline, from DNS to the answer" },
  { name: "unhealthy-threshold", value: "N", fallback: "3", help: "failures in a row that make a service NOT_SERVING" },
  { name: "healthy-threshold", value: "N", fallback: "2", help: "passes in a row that bring it back" },
  { name: "jitter", value: "PERCENT", fallback: "10", help: "how far an interval may vary" },
  { name: "drain-delay", value: "TIME", fallback: "5s", help: "serve on after SIGTERM, as NOT_SERVING, for so long" },
  { name: "tls-cert", value: "FILE", help: "certificate chain (PEM): TLS on every address but plain://ADDR" },
  { name: "tls-key", value: "FILE", help: "its key (PEM)" },
  { name: "tls-client-ca", value: "FILE", help: "CA (PEM) that clients' certificates must come from (mTLS)" },
  {
    name: "engine",
    value: "NAME",
    fallback: "native",
    help: "what speaks HTTP/2: native (made for health checks) or grpc-js",
  },
  {
    name: "status-code-path",
    value: "/PKG/METHOD",
    repeats: true,
    help: "gRPC method that answers OK or UNAVAILABLE, for AWS ALB: /AWS.ALB/healthcheck; repeatable",
  },
  { name: "path", value: "/PATH", repeats: true, help: "HTTP path that means /healthcheck; repeatable" },
  { name: "token-file", value: "FILE", help: "file with the token that List asks for (authorization: Bearer TOKEN)" },
  { name: "log-level", value: "LEVEL", fallback: "info", help: LOG_LEVELS.join(", ") },
  { name: "help", short: "h", help: "show this" },
];

/**
 * The configuration that flags make, on top of a file's where there is one: lists of checks are joined, everything else
 * that is given replaces what the file says.
 * @throws UsageError naming the flag
 */
export function configOf(values: FlagValues, file: DaemonConfig = DEFAULT_CONFIG): DaemonConfig {
  const settings = settingsOf(values);
  const checks = (values.get("check") ?? []).map((text) => ({ ...checkOf(text), options: settings }));
  const twice = checks.find(({ name }, index) =>
    [...file.checks, ...checks.slice(0, index)].some((other) => other.name === name),
  );
  if (twice !== undefined) throw new UsageError(`--check: there is another check named ${JSON.stringify(twice.name)}`);
  return Object.freeze({
    ...file,
    listen: values.get("listen") ?? file.listen,
    checks: [...file.checks, ...checks],
    tls: tlsOf(values) ?? file.tls,
    engine: engineOf(values) ?? file.engine,
    statusCodePaths: [...file.statusCodePaths, ...pathsOf(values, "status-code-path")],
    paths: [...file.paths, ...pathsOf(values, "path")],
    drainDelayMs: durationOf(values, "drain-delay") ?? file.drainDelayMs,
    tokenFile: values.get("token-file")?.[0] ?? file.tokenFile,
  });
}

function engineOf(values: FlagValues): EngineName | undefined {
  const given = values.get("engine")?.[0];
  const engine = ENGINE_NAMES.find((known) => known === given);
  if (given !== undefined && engine === undefined)
    throw new UsageError(`--engine: ${JSON.stringify(given)} is none of ${ENGINE_NAMES.join(", ")}`);
  return engine;
}

/**
 * How much is logged.
 * @throws UsageError
 */
export function logLevelOf(values: FlagValues): LogLevel {
  const given = values.get("log-level")?.[0] ?? "info";
  const level = LOG_LEVELS.find((known) => known === given);
  if (level === undefined)
    throw new UsageError(`--log-level: ${JSON.stringify(given)} is none of ${LOG_LEVELS.join(", ")}`);
  return level;
}

/** The settings that all checks of the command line share. */
function settingsOf(values: FlagValues): CheckOptions {
  const jitterPercent = numberOf(values, "jitter", 0);
  return {
    interval: durationOf(values, "interval"),
    timeout: durationOf(values, "timeout"),
    unhealthyThreshold: numberOf(values, "unhealthy-threshold", 1),
    healthyThreshold: numberOf(values, "healthy-threshold", 1),
    jitter: jitterPercent === undefined ? undefined : jitterPercent / 100,
  };
}

function checkOf(text: string): Pick<CheckConfig, "name" | "source"> {
  const split = text.indexOf("=");
  if (split < 1 || split === text.length - 1) {
    throw new UsageError(
      `--check ${JSON.stringify(text)}: expected NAME=URL, such as flower=http://localhost:5555/healthcheck`,
    );
  }
  return { name: text.slice(0, split), source: { kind: "target", url: text.slice(split + 1) } };
}

function tlsOf(values: FlagValues): TlsFiles | undefined {
  const [certFile] = values.get("tls-cert") ?? [];
  const [keyFile] = values.get("tls-key") ?? [];
  const [clientCaFile] = values.get("tls-client-ca") ?? [];
  if (certFile !== undefined && keyFile !== undefined) return { certFile, keyFile, clientCaFile };
  if (certFile !== undefined) throw new UsageError("--tls-cert needs --tls-key beside it");
  if (keyFile !== undefined) throw new UsageError("--tls-key needs --tls-cert beside it");
  if (clientCaFile !== undefined) throw new UsageError("--tls-client-ca needs --tls-cert and --tls-key beside it");
  return undefined;
}

function pathsOf(values: FlagValues, flag: string): readonly string[] {
  const paths = values.get(flag) ?? [];
  const bad = paths.find((path) => !/^\/[\x21-\x7e]+$/.test(path));
  if (bad !== undefined)
    throw new UsageError(`--${flag} ${JSON.stringify(bad)}: a path starts with a slash and has no spaces`);
  return paths;
}

function durationOf(values: FlagValues, flag: string): number | undefined {
  const [text] = values.get(flag) ?? [];
  if (text === undefined) return undefined;
  const ms = parseDuration(text);
  if (ms === undefined)
    throw new UsageError(`--${flag}: ${JSON.stringify(text)} is not a duration (try 5s, 500ms, 1m)`);
  return ms;
}

function numberOf(values: FlagValues, flag: string, least: number): number | undefined {
  const [text] = values.get(flag) ?? [];
  if (text === undefined) return undefined;
  const number = /^\d{1,6}$/.test(text) ? Number(text) : Number.NaN;
  if (!(number >= least))
    throw new UsageError(`--${flag}: ${JSON.stringify(text)} is not a whole number from ${least} on`);
  return number;
}
