/**
 * A check as one text, for the members of a fleet: two members hold the same check when the texts are the same. Pure.
 *
 *     source, options of the prober, schedule, thresholds --> sorted keys, durations in milliseconds, defaults filled in
 *
 * What only says how a member uses the results is not in it (critical, services, group, startup, initialState), nor when the
 * first probe starts (initialDelay, jitter). A client certificate is not in it either: each member may have one of its own.
 *
 * The text has secrets, such as the password of a target. Only a keyed hash of it may leave the process.
 */
import { Authorities } from "../client/authorities.js";
import { WARN_BEFORE_MS } from "../core/certificate-time.js";
import { parseDuration } from "../core/duration.js";
import { OAUTH_METHODS } from "../probers/options.js";
import { hostOf, parseTarget } from "../probers/target.js";
import { splitOptions } from "./check-options.js";
import type { CheckDeclaration, CheckSource } from "./declarations.js";
import type { CompleteSettings } from "./settings.js";

/** The settings that decide what a vote says, and for how long. */
const VOTED_SETTINGS = [
  "intervalMs",
  "timeoutMs",
  "edgeIntervalMs",
  "unhealthyIntervalMs",
  "unhealthyThreshold",
  "healthyThreshold",
  "staleAfterMs",
  "maxLatencyMs",
  "forgetAfterMs",
] as const satisfies readonly (keyof CompleteSettings)[];

/** How the value of an option is written, by its path. `undefined`: it is left out. */
const FORMS: Readonly<Record<string, (value: unknown) => unknown>> = {
  maxConnectionAge: parseDuration,
  "tls.warnBefore": parseDuration,
  "tls.ca": (ca) => (ca instanceof Authorities ? ca.digest : ca),
  "tls.minVersion": versionForm,
  "tls.maxVersion": versionForm,
  "tls.cert": () => undefined,
  "tls.key": () => undefined,
  "expect.minVersion": versionForm,
};

/** The default of an option, by its path. A value that is the default is left out of the text. */
const DEFAULTS: Readonly<Record<string, unknown>> = {
  reuse: true,
  maxConnectionAge: 300_000,
  http2: false,
  minWorkers: 1,
  "tls.verify": true,
  "tls.minVersion": "1.2",
  "tls.warnBefore": WARN_BEFORE_MS,
  "expect.status": "200-299",
  "auth.method": OAUTH_METHODS[0],
};

/** All that a probe of a check and its thresholds depend on. */
export function definitionText({ source, options }: CheckDeclaration, settings: CompleteSettings): string {
  const { proberOptions } = splitOptions(options);
  const { method = proberOptions.body === undefined ? "GET" : "POST" } = proberOptions;
  return JSON.stringify({
    source: sourceForm(source),
    options: canonical({ ...proberOptions, method }, ""),
    settings: source.kind === "heartbeat" ? [] : VOTED_SETTINGS.map((name) => settings[name]),
  });
}

/** The token of a heartbeat is a matter of the member that gets the report, and so is its ttl: a report is the same under any. */
function sourceForm(source: CheckSource): readonly unknown[] {
  switch (source.kind) {
    case "target":
      return [source.kind, ...urlForm(source.url)];
    case "exec":
      return [source.kind, ...source.command];
    case "function":
    case "heartbeat":
    case "prober":
      return [source.kind];
    default:
      return source satisfies never;
  }
}

/** A URL as the parser writes it, and the zone of its address, for which URLs have no place. */
function urlForm(url: string): readonly string[] {
  const target = parseTarget(url);
  return [target.href, ...hostOf(target).split("%").slice(1)];
}

function versionForm(version: unknown): string {
  return typeof version === "number" ? version.toFixed(1) : String(version);
}

/** Without entries, they mean the same as if they were not given. An empty `tls` is more: some schemes use TLS because of it. */
const NOTHING_IF_EMPTY: readonly string[] = ["expect", "headers", "expect.headers", "expect.json", "metadata"];

/** A value with the keys of its tables in order, in the forms above. */
function canonical(value: unknown, path: string): unknown {
  const form = FORMS[path];
  if (form !== undefined) return form(value);
  if (Array.isArray(value)) return value.map((item) => canonical(item, `${path}[]`));
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value)
    .map(([key, inner]): [string, unknown] => {
      const at = path === "" ? key : `${path}.${key}`;
      const written = canonical(inner, at);
      return [key, written === DEFAULTS[at] ? undefined : written];
    })
    .filter(([, written]) => written !== undefined)
    .sort(([one], [other]) => (one < other ? -1 : 1));
  return entries.length === 0 && NOTHING_IF_EMPTY.includes(path) ? undefined : Object.fromEntries(entries);
}
