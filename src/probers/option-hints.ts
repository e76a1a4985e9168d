/**
 * What an error says about an option that a target does not take: the scheme or the option that is probably meant.
 *
 * The configuration has files (`tls.caFile`) where the library has texts (`tls.ca`). A TypeScript program cannot confuse
 * them; a JavaScript program can, and a CA that is ignored would be found late.
 */
import { parseDuration } from "../core/duration.js";
import { OptionError } from "../core/option-error.js";
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
  "warnBefore",
] as const satisfies readonly (keyof TargetTls)[];

/** What options of the configuration, and of earlier versions, are called in the library. */
const IN_LIBRARY: Readonly<Record<string, string>> = {
  caFile: "ca, the certificates as PEM text",
  certFile: "cert, the certificate as PEM text",
  keyFile: "key, the key as PEM text",
  warnBeforeMs: "warnBefore, a duration such as 7d",
};

/**
 * Refuses TLS options that would be ignored, and values that TLS itself does not check.
 * @throws OptionError
 */
export function requireTlsOptions({ tls = {} }: ProberOptions): void {
  if (typeof tls !== "object" || tls === null) throw new OptionError(["tls"], "must be a table of options");
  const { verify = true, warnBefore = 0 } = tls;
  const surplus = Object.keys(tls).find((name) => !TLS_OPTIONS.some((known) => known === name));
  if (typeof verify !== "boolean")
    throw new OptionError(["tls", "verify"], `must be true or false; got ${JSON.stringify(verify)}`);
  if (!(typeof warnBefore === "number" ? warnBefore >= 0 : parseDuration(warnBefore) !== undefined))
    throw new OptionError(["tls", "warnBefore"], `must be a duration, such as 7d; got ${JSON.stringify(warnBefore)}`);
  if (surplus === undefined) return;
  const hint = IN_LIBRARY[surplus];
  const expected = hint === undefined ? `it takes ${TLS_OPTIONS.join(", ")}` : `in the library it is ${hint}`;
  throw new OptionError(["tls", surplus], `is not an option of tls; ${expected}`);
}
