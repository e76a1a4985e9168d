/**
 * What an error says about an option that a target does not take: the scheme or the option that is probably meant.
 *
 * The configuration has files (`tls.caFile`) where the library has texts (`tls.ca`). A TypeScript program cannot confuse
 * them; a JavaScript program can, and a CA that is ignored would be found late.
 */
import { HealthError } from "../core/health-error.js";
import type { ProberOptions, TargetTls } from "./options.js";

/** Schemes without TLS, and the same with it. */
const WITH_TLS: Readonly<Record<string, string>> = {
  http: "https",
  ws: "wss",
  grpc: "grpcs",
  redis: "rediss",
  amqp: "amqps",
  "flower+http": "flower+https",
};

/** Options that mean the same for different schemes. */
const ALIKE: Readonly<Record<string, keyof ProberOptions>> = { headers: "metadata", metadata: "headers" };

/** The end of an error about an option that the scheme does not have; `""` without a better one. */
export function optionHint(target: string, option: string, known: readonly (keyof ProberOptions)[]): string {
  if (option === "tls") {
    const withTls = WITH_TLS[target.slice(0, target.indexOf(":")).toLowerCase()];
    return withTls === undefined ? "" : `; for TLS use ${withTls}://`;
  }
  const other = ALIKE[option];
  return other !== undefined && known.includes(other) ? `; did you mean ${other}?` : "";
}

const TLS_OPTIONS = [
  "ca",
  "cert",
  "key",
  "serverName",
  "verify",
  "minVersion",
  "maxVersion",
  "warnBeforeMs",
] as const satisfies readonly (keyof TargetTls)[];

/** What the options of the configuration are called in the library. */
const IN_LIBRARY: Readonly<Record<string, string>> = {
  caFile: "ca, the certificates as PEM text",
  certFile: "cert, the certificate as PEM text",
  keyFile: "key, the key as PEM text",
  warnBefore: "warnBeforeMs, in milliseconds",
};

/**
 * Refuses TLS options that would be ignored.
 * @throws HealthError INVALID_OPTION
 */
export function requireTlsOptions({ tls = {} }: ProberOptions): void {
  const surplus = Object.keys(tls).find((name) => !TLS_OPTIONS.some((known) => known === name));
  if (surplus === undefined) return;
  const hint = IN_LIBRARY[surplus];
  const expected = hint === undefined ? `it takes ${TLS_OPTIONS.join(", ")}` : `in the library it is ${hint}`;
  throw new HealthError("INVALID_OPTION", `tls has no option ${surplus}; ${expected}`);
}
