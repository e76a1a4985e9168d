/** Texts that a probe prints on request only: the usage, the version, and the arguments for `-v`. */
import { printable } from "../../core/printable.js";
import { version } from "../../core/version.js";
import { type GoFlag, MASKED } from "./go-flags.js";
import { formatGoDuration } from "./go-format.js";
import type { ProbeSettings } from "./probe-settings.js";

/** The usage text of Go's package `flag`: every flag, by name. */
export function goUsage(flags: readonly GoFlag[]): string {
  const sorted = [...flags].sort((one, other) => (one.name < other.name ? -1 : 1));
  return `Usage:\n${sorted.map(usageOf).join("")}`;
}

function usageOf({ name, kind, usage, shownDefault }: GoFlag): string {
  const left = kind === "bool" ? `  -${name}` : `  -${name} ${kind}`;
  const suffix = shownDefault === undefined ? "" : ` (default ${shownDefault})`;
  // a switch of one letter leaves room for its text on the line
  return `${left}${left.length <= 4 ? "\t" : "\n    \t"}${usage.replaceAll("\n", "\n    \t")}${suffix}\n`;
}

/** The lines of `-v` about the arguments. The values of headers may be secrets. */
export function optionLines(settings: ProbeSettings): readonly string[] {
  const { connectTimeout, rpcTimeout, headers, isTls, noVerify, caCert, clientCert, clientKey } = settings;
  const names = [...new Set(headers.map(([name]) => name))].sort();
  const shown = names.map((name) => {
    const count = headers.filter(([other]) => other === name).length;
    return `${name}:[${Array.from({ length: count }, () => MASKED).join(" ")}]`;
  });
  return [
    "parsed options:",
    `> addr=${settings.addr} conn_timeout=${formatGoDuration(connectTimeout)} rpc_timeout=${formatGoDuration(rpcTimeout)}`,
    ...(names.length === 0 ? [] : [`> headers: map[${shown.join(" ")}]`]),
    `> tls=${isTls}`,
    ...(isTls ? [`  > no-verify=${noVerify} `, `  > ca-cert=${caCert}`, `  > client-cert=${clientCert}`] : []),
    ...(isTls ? [`  > client-key=${clientKey}`, `  > server-name=${settings.serverName}`] : []),
    `> alts=${settings.isAlts}`,
    `> spiffe=${settings.isSpiffe}`,
  ].map(printable);
}

/** The line of `-version`. */
export function versionText(): string {
  try {
    return `v${version()}; healthbridge probe`;
  } catch {
    return "vcs info was not included in build"; // the program is a copy outside of its package
  }
}
