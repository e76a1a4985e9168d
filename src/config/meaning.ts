/**
 * What a configuration means, beyond its shape: names that exist, targets that can be probed, files that can be read.
 *
 * Every fault is found, at its place; nothing is started and no socket is opened.
 */
import { type CheckOptions, partOptions } from "../checks/check-options.js";
import { readSettings } from "../checks/settings.js";
import type { Resolver } from "../client/resolver.js";
import { parseDuration } from "../core/duration.js";
import { messageOf } from "../core/health-error.js";
import { parseListenAddress } from "../core/listen-address.js";
import { OVERALL, serviceNameFault } from "../core/service-name.js";
import { DEFAULT_DRAIN_DELAY_MS } from "../lifecycle/shutdown.js";
import { openTarget, systemDeps } from "../probers/schemes.js";
import {
  type CheckConfig,
  type CheckSource,
  type DaemonConfig,
  DEFAULT_LISTEN,
  DEFAULT_MAX_HOLD_MS,
} from "./daemon-config.js";
import type { Path } from "./fault.js";
import type { Files } from "./files.js";
import type { CheckEntry, ConfigFile } from "./schema.js";
import { readServices } from "./services.js";
import { judgeTlsFiles, readTargetTls } from "./tls-files.js";

/** What is found wrong is told here. */
export type Blame = (path: Path, text: string) => void;

/** What a file's meaning is judged with. */
export interface Judging {
  readonly blame: Blame;
  /** Names of checks and services in the file, those among them that have faults and are not in it any more. */
  readonly named: ReadonlySet<string>;
  readonly files: Files;
  /** Which addresses may be probed. */
  readonly resolverFor: (allowLinkLocal: boolean) => Resolver;
}

/** The configuration that a file means. With faults told, it is of no use. */
export function readMeaning(file: ConfigFile, judging: Judging): DaemonConfig {
  const { blame, files } = judging;
  const { listen = DEFAULT_LISTEN, paths = [], statusCodePaths = [], isolation, tls, allowLinkLocal = false } = file;
  for (const [index, address] of listen.entries()) trying(() => parseListenAddress(address), blame, ["listen", index]);
  if (listen.length === 0) blame(["listen"], "must have an address at least, such as :8080");
  for (const [key, list] of Object.entries({ paths, statusCodePaths }))
    for (const [index, path] of list.entries()) judgePath(path, (text) => blame([key, index], text));
  if (tls !== undefined) judgeTlsFiles(tls, files, blame);
  if (file.tokenFile !== undefined) judgeTokenFile(file.tokenFile, judging);
  if (isolation !== undefined) judgeTarget(isolation.selfCheck, file, judging, ["isolation", "selfCheck"]);
  const checks = Object.entries(file.checks ?? {}).map(([name, entry]) => readCheck(name, entry, file, judging));
  return Object.freeze({
    listen,
    checks,
    services: readServices(file, checks, judging),
    isolation: isolation && {
      selfCheck: isolation.selfCheck,
      maxHoldMs: parseDuration(isolation.maxHold ?? DEFAULT_MAX_HOLD_MS) ?? DEFAULT_MAX_HOLD_MS,
    },
    allowLinkLocal,
    tls: tls && { ...tls, clientCaFile: tls.clientCaFile },
    engine: file.engine,
    statusCodePaths,
    paths,
    drainDelayMs: parseDuration(file.drainDelay) ?? DEFAULT_DRAIN_DELAY_MS,
    tokenFile: file.tokenFile,
    listLimit: file.listLimit,
    maxWatchers: file.maxWatchers,
    warnings: [...files.warnings, ...unwiseLimits(file)],
  });
}

function readCheck(name: string, given: string | CheckEntry, file: ConfigFile, judging: Judging): CheckConfig {
  const { blame, files } = judging;
  const path = ["checks", name];
  const nameFault = name === OVERALL ? "must not be empty" : serviceNameFault(name);
  if (nameFault !== undefined) blame(path, `the name ${nameFault}`);
  const entry: CheckEntry = typeof given === "string" ? { target: given } : given;
  const { target, exec, heartbeat, tls, ...rest } = entry;
  const sources = [target, exec, heartbeat].filter((source) => source !== undefined);
  if (sources.length !== 1) blame(path, "must have one of target, exec and heartbeat");
  const targetTls = tls && readTargetTls(tls, files, (key, text) => blame([...path, "tls", key], text));
  const defaults = heartbeat === undefined ? file.defaults : {};
  const options: CheckOptions = { ...defaults, ...rest, tls: targetTls };
  for (const [index, service] of (rest.services ?? []).entries()) {
    const fault = serviceNameFault(service);
    if (fault !== undefined) blame([...path, "services", index], fault);
  }
  const { settings, proberOptions } = partOptions(options);
  for (const { setting, text } of readSettings(settings).faults)
    blame(setting === "maxLatency" ? [...path, "expect", setting] : [...path, setting], text);
  const source = sourceOf(entry, path, file, blame);
  if (target !== undefined) {
    const at = typeof given === "string" ? path : [...path, "target"];
    judgeTarget(target, file, judging, at, proberOptions);
  }
  return { name, source, options };
}

function sourceOf({ target, exec, heartbeat }: CheckEntry, path: Path, file: ConfigFile, blame: Blame): CheckSource {
  if (exec !== undefined) {
    if (exec.length === 0) blame([...path, "exec"], "must name a program");
    if (file.allowExec !== true)
      blame([...path, "exec"], "programs are run only with allowExec: true at the top of the file");
    return { kind: "exec", command: exec };
  }
  if (heartbeat === undefined) return { kind: "target", url: target ?? "" };
  const ttlMs = parseDuration(heartbeat.ttl) ?? 0;
  if (ttlMs <= 0) blame([...path, "heartbeat", "ttl"], "must be a duration above zero");
  if (!/^\S+$/.test(heartbeat.token)) blame([...path, "heartbeat", "token"], "must be one word without spaces");
  return { kind: "heartbeat", ttlMs, token: heartbeat.token };
}

function judgeTarget(
  target: string,
  { allowLinkLocal = false }: ConfigFile,
  { blame, resolverFor }: Judging,
  path: Path,
  options: Parameters<typeof openTarget>[2] = {},
): void {
  const deps = { ...systemDeps(), resolver: resolverFor(allowLinkLocal) };
  trying(() => openTarget(target, deps, options).close(), blame, path);
}

/** A List answers in one message, and clients take 4 MiB: so many names of the longest kind fit. */
const MAX_LISTED = 19_000;

function unwiseLimits({ listLimit = 0 }: ConfigFile): readonly string[] {
  if (listLimit <= MAX_LISTED) return [];
  return [`listLimit ${listLimit}: a List of more than ${MAX_LISTED} services may not fit the 4 MiB that clients take`];
}

function judgePath(path: string, blame: (text: string) => void): void {
  if (!/^\/[\x21-\x7e]+$/.test(path)) blame("must start with a slash and have no spaces");
}

function judgeTokenFile(file: string, { files, blame }: Judging): void {
  const text = files.secret(file, (fault) => blame(["tokenFile"], fault));
  if (text !== undefined && !/^\S+$/.test(text.trim()))
    blame(["tokenFile"], `${file} must hold one word without spaces`);
}

function trying(action: () => unknown, blame: Blame, path: Path): void {
  try {
    action();
  } catch (error) {
    blame(path, messageOf(error));
  }
}
