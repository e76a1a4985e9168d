/**
 * The server of `list` and `watch`, from the flags of `probe` of the same names: TLS, headers, authority and timeouts.
 *
 * The rules of the flags, and their error texts, are those of `probe`. Only the dashes differ: `--tls` here; `-tls` is
 * accepted too.
 */
import { type Flag, type FlagValues, UsageError } from "../flags.js";
import { PROBE_FLAGS, type ProbeSettings, readProbeSettings } from "../probe/probe-settings.js";
import { readProbeTarget, TargetFault } from "../probe/probe-target.js";

/** Flags of `probe` that are about the server or its calls. */
const NAMES: readonly string[] = [
  ...["connect-timeout", "rpc-timeout", "rpc-header", "tls", "tls-ca-cert", "tls-client-cert", "tls-client-key"],
  ...["tls-server-name", "tls-no-verify", "spiffe", "authority", "user-agent", "gzip"],
];

const HELP: Readonly<Record<string, string>> = {
  "connect-timeout": "How long a connection may take: TCP, TLS and the first bytes of HTTP/2.",
  "rpc-timeout": "How long one answer may take.",
  "rpc-header": "A header of each call, such as credentials. No output shows it. Repeatable.",
  tls: "Use TLS.",
  "tls-ca-cert": "Authorities to trust (PEM). Default: those of the system.",
  "tls-client-cert": "The client certificate (PEM), with --tls-client-key.",
  "tls-client-key": "The key of the client certificate (PEM).",
  "tls-server-name": "The name in the certificate, and the authority of calls. Default: the host of ADDR.",
  "tls-no-verify": "Accept any certificate.",
  spiffe: "Take the certificate and the authorities from the SPIFFE Workload API.",
  authority: "The :authority of calls, HOST or HOST:PORT. Default: by ADDR.",
  "user-agent": "The user agent of calls.",
  gzip: "Compress requests, and accept compressed answers.",
};

const VALUE_NAMES: Readonly<Record<string, string>> = {
  "connect-timeout": "TIME",
  "rpc-timeout": "TIME",
  "rpc-header": "NAME:VALUE",
  authority: "HOST[:PORT]",
  "tls-server-name": "NAME",
  "user-agent": "TEXT",
};

const USER_AGENT = "healthbridge";

/** The flags that say what server it is, and how it is asked. */
export const TARGET_FLAGS: readonly Flag[] = NAMES.map((name): Flag => {
  const { kind, shownDefault } = PROBE_FLAGS.find((flag) => flag.name === name) ?? {};
  const fallback = name === "user-agent" ? USER_AGENT : shownDefault;
  return {
    name,
    help: HELP[name] ?? "",
    ...(kind === "bool" ? {} : { value: VALUE_NAMES[name] ?? "FILE" }),
    ...(fallback === undefined ? {} : { fallback }),
    ...(name === "rpc-header" ? { repeats: true } : {}),
  };
});

/** The arguments, with a second dash where a flag of `probe` is written with one: `-tls` is `--tls`. */
export function withTwoDashes(args: readonly string[]): readonly string[] {
  return args.map((arg) => {
    const name = /^-([a-z][a-z-]+)(?:=|$)/.exec(arg)?.[1];
    return name !== undefined && NAMES.includes(name) ? `-${arg}` : arg;
  });
}

/**
 * The settings of a probe of this server.
 * @throws UsageError for an address that is none, and for flags that contradict each other
 */
export function targetSettings(addr: string, values: FlagValues): ProbeSettings {
  const flags = NAMES.flatMap((name) => (values.get(name) ?? []).map((value) => `-${name}=${value}`));
  // a variable of `probe` is about a probe: it sets nothing here
  const reading = readProbeSettings([`-addr=${addr}`, `-user-agent=${USER_AGENT}`, ...flags], {});
  if ("error" in reading) throw new UsageError(withDashes(reading.error));
  requireTarget(addr);
  return reading.settings;
}

/** A text of `probe`, with the flags as they are written here. */
function withDashes(error: string): string {
  return error.replace(/^error: /, "").replaceAll(/(^|[\s(])-(?=[a-z])/g, "$1--");
}

function requireTarget(addr: string): void {
  try {
    readProbeTarget(addr);
  } catch (error) {
    if (!(error instanceof TargetFault)) throw error;
    throw new UsageError(`${error.message}; expected HOST:PORT, :PORT or unix:/PATH`);
  }
}
