/**
 * The flags of `probe`, and what they mean together.
 *
 * The first part are the flags of grpc_health_probe v0.4, with its rules in its order: the first rule that is broken ends
 * the program. The second part is ours. A flag that is not given can be set by a variable of the environment.
 *
 * Source: https://github.com/grpc-ecosystem/grpc-health-probe/blob/master/main.go.
 */
import { type GoFlag, type GoFlagValues, MASKED, readGoFlags, readGoValue } from "./go-flags.js";
import { formatGoDuration, type GoDuration, goQuote, parseGoDuration } from "./go-format.js";

/** The default of both timeouts. A text would be read for each probe. */
const SECOND: GoDuration = 1_000_000_000n;

const THEIR_FLAGS: readonly GoFlag[] = [
  { name: "addr", kind: "string", usage: "(required) tcp host:port to connect" },
  { name: "service", kind: "string", usage: 'service name to check (default: ""); more than one with multiple flags' },
  {
    name: "user-agent",
    kind: "string",
    usage: "user-agent header value of health check requests",
    shownDefault: '"grpc_health_probe"',
  },
  {
    name: "connect-timeout",
    kind: "duration",
    usage: "timeout for establishing connection",
    shownDefault: "1s",
  },
  {
    name: "rpc-header",
    kind: "value",
    usage: "additional RPC headers in 'name: value' format. May specify more than one via multiple flags.",
    isSecret: true,
    check: (value) =>
      value.includes(":") ? undefined : `invalid RPC header, expected 'key: value', got ${goQuote(MASKED)}`,
  },
  { name: "rpc-timeout", kind: "duration", usage: "timeout for health check rpc", shownDefault: "1s" },
  { name: "tls", kind: "bool", usage: "use TLS (default: false, INSECURE plaintext transport)" },
  {
    name: "tls-no-verify",
    kind: "bool",
    usage: "(with -tls) don't verify the certificate (INSECURE) presented by the server (default: false)",
  },
  {
    name: "tls-ca-cert",
    kind: "string",
    usage: "(with -tls, optional) file containing trusted certificates for verifying server",
  },
  {
    name: "tls-client-cert",
    kind: "string",
    usage: "(with -tls, optional) client certificate for authenticating to the server (requires -tls-client-key)",
  },
  {
    name: "tls-client-key",
    kind: "string",
    usage: "(with -tls) client private key for authenticating to the server (requires -tls-client-cert)",
  },
  {
    name: "tls-server-name",
    kind: "string",
    usage: "(with -tls) override the hostname used to verify the server certificate",
  },
  { name: "alts", kind: "bool", usage: "not supported: ALTS works only between virtual machines of Google Cloud" },
  { name: "v", kind: "bool", usage: "verbose logs" },
  { name: "version", kind: "bool", usage: "show probe version and exit" },
  {
    name: "gzip",
    kind: "bool",
    usage: "use GZIPCompressor for requests and GZIPDecompressor for response (default: false)",
  },
  { name: "spiffe", kind: "bool", usage: "use SPIFFE to obtain mTLS credentials" },
];

const OUR_FLAGS: readonly GoFlag[] = [
  { name: "authority", kind: "string", usage: "the :authority of requests, HOST or HOST:PORT (default: by -addr)" },
  { name: "http", kind: "string", usage: "a URL to GET instead of -addr: 200 to 299 is healthy" },
  { name: "json", kind: "bool", usage: "print a JSON object on stdout for each service, and no text" },
  { name: "list", kind: "bool", usage: "ask for all services: healthy if each of them is" },
  { name: "wait", kind: "duration", usage: "try again until healthy, for at most this time" },
  { name: "watch", kind: "bool", usage: "print each change on stdout, until a signal" },
];

/** All flags, in the order of the rules. */
export const PROBE_FLAGS: readonly GoFlag[] = [...THEIR_FLAGS, ...OUR_FLAGS];

/** Flags that no variable sets: `-version` answers a question. */
const WITHOUT_VARIABLE: ReadonlySet<string> = new Set(["version"]);

/** The variable of a flag: `HEALTHBRIDGE_PROBE_CONNECT_TIMEOUT` of `-connect-timeout`. */
export function variableOf(flag: string): string {
  return `HEALTHBRIDGE_PROBE_${flag.toUpperCase().replaceAll("-", "_")}`;
}

/** What a probe asks, and how. */
export interface ProbeSettings {
  readonly addr: string;
  readonly services: readonly string[];
  readonly userAgent: string;
  readonly connectTimeout: GoDuration;
  readonly rpcTimeout: GoDuration;
  /** Names in lower case, and values. */
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly isTls: boolean;
  readonly noVerify: boolean;
  /** Paths of files; empty where not given. So is `serverName`. */
  readonly caCert: string;
  readonly clientCert: string;
  readonly clientKey: string;
  readonly serverName: string;
  readonly isAlts: boolean;
  readonly isSpiffe: boolean;
  readonly isGzip: boolean;
  readonly isVerbose: boolean;
  readonly isVersion: boolean;
  readonly authority: string | undefined;
  readonly http: string | undefined;
  readonly isJson: boolean;
  readonly isList: boolean;
  readonly isWatch: boolean;
  readonly wait: GoDuration | undefined;
}

type ProbeVariables = Readonly<Record<string, string | undefined>>;

/** Settings, or why there are none. With a `usage`, the usage text follows the error. */
export type SettingsReading =
  | { readonly settings: ProbeSettings }
  | { readonly error: string; readonly showsUsage: boolean };

/** Reads the arguments, and the environment for flags that are not given. */
export function readProbeSettings(args: readonly string[], env: ProbeVariables): SettingsReading {
  const reading = readGoFlags(PROBE_FLAGS, args);
  if ("error" in reading) return { error: reading.error, showsUsage: true };
  const values = new Map(reading.values);
  for (const flag of PROBE_FLAGS) {
    const value = WITHOUT_VARIABLE.has(flag.name) ? undefined : env[variableOf(flag.name)];
    if (value === undefined || values.has(flag.name) || isReplaced(flag.name, values)) continue;
    const read = readGoValue(flag, value);
    if ("fault" in read) {
      const shown = goQuote(flag.isSecret === true ? MASKED : value);
      return { error: `invalid value ${shown} of ${variableOf(flag.name)}: ${read.fault}`, showsUsage: false };
    }
    values.set(flag.name, [read.value]);
  }
  const settings = settingsOf(values);
  const fault = settings.isVersion ? undefined : faultOf(settings);
  return fault === undefined ? { settings } : { error: fault, showsUsage: false };
}

/** Whether another flag stands in the place of a variable: `-addr` and `-http` exclude each other. */
function isReplaced(name: string, values: GoFlagValues): boolean {
  return (name === "addr" && values.has("http")) || (name === "http" && values.has("addr"));
}

function settingsOf(values: GoFlagValues): ProbeSettings {
  const text = (name: string) => values.get(name)?.at(-1);
  const isOn = (name: string) => text(name) === "true";
  const duration = (name: string) => parseGoDuration(text(name) ?? "0") ?? 0n;
  const timeout = (name: string) => (values.has(name) ? duration(name) : SECOND);
  const http = text("http") || undefined;
  return {
    addr: text("addr") ?? "",
    services: values.get("service") ?? [""],
    userAgent: text("user-agent") ?? "grpc_health_probe",
    connectTimeout: timeout("connect-timeout"),
    rpcTimeout: timeout("rpc-timeout"),
    headers: (values.get("rpc-header") ?? []).map(headerOf),
    isTls: isOn("tls") || http?.startsWith("https://") === true,
    noVerify: isOn("tls-no-verify"),
    caCert: text("tls-ca-cert") ?? "",
    clientCert: text("tls-client-cert") ?? "",
    clientKey: text("tls-client-key") ?? "",
    serverName: text("tls-server-name") ?? "",
    isAlts: isOn("alts"),
    isSpiffe: isOn("spiffe"),
    isGzip: isOn("gzip"),
    isVerbose: isOn("v"),
    isVersion: isOn("version"),
    authority: text("authority") || undefined,
    http,
    isJson: isOn("json"),
    isList: isOn("list"),
    isWatch: isOn("watch"),
    wait: values.has("wait") ? duration("wait") : undefined,
  };
}

/** The name is put in lower case, but not trimmed; the value is trimmed at its left. */
function headerOf(header: string): readonly [string, string] {
  const colon = header.indexOf(":");
  return [header.slice(0, colon).toLowerCase(), header.slice(colon + 1).trimStart()];
}

/** The first rule that is broken: theirs in their order, then ours. */
function faultOf(settings: ProbeSettings): string | undefined {
  const fault = theirFaultOf(settings) ?? ourFaultOf(settings);
  return fault && `error: ${fault}`;
}

function theirFaultOf(settings: ProbeSettings): string | undefined {
  const { addr, http, connectTimeout, rpcTimeout, isTls, isAlts, isSpiffe, noVerify } = settings;
  const { caCert, clientCert, clientKey, serverName } = settings;
  if (addr === "" && http === undefined) return "-addr not specified";
  if (connectTimeout <= 0n)
    return `-connect-timeout must be greater than zero (specified: ${formatGoDuration(connectTimeout)})`;
  if (rpcTimeout <= 0n) return `-rpc-timeout must be greater than zero (specified: ${formatGoDuration(rpcTimeout)})`;
  if (isAlts && isSpiffe) return "-alts and -spiffe are mutually incompatible";
  if (isTls && isAlts) return "cannot specify -tls with -alts";
  if (!isTls && noVerify) return "specified -tls-no-verify without specifying -tls";
  if (!isTls && caCert !== "") return "specified -tls-ca-cert without specifying -tls";
  if (!isTls && clientCert !== "") return "specified -tls-client-cert without specifying -tls";
  if (!isTls && serverName !== "") return "specified -tls-server-name without specifying -tls";
  if (clientCert !== "" && clientKey === "") return "specified -tls-client-cert without specifying -tls-client-key";
  if (clientCert === "" && clientKey !== "") return "specified -tls-client-key without specifying -tls-client-cert";
  if (noVerify && caCert !== "") return "cannot specify -tls-ca-cert with -tls-no-verify (CA cert would not be used)";
  if (noVerify && serverName !== "")
    return "cannot specify -tls-server-name with -tls-no-verify (server name would not be used)";
  return undefined;
}

function ourFaultOf(settings: ProbeSettings): string | undefined {
  const { addr, http, isList, isWatch, wait, services, isTls, isGzip, isSpiffe } = settings;
  if (isList && services.some((service) => service !== "")) return "cannot specify -service with -list";
  if (isList && isWatch) return "cannot specify -watch with -list";
  if (wait !== undefined && wait <= 0n) return `-wait must be greater than zero (specified: ${formatGoDuration(wait)})`;
  if (wait !== undefined && isWatch) return "cannot specify -watch with -wait";
  if (http === undefined) return undefined;
  if (addr !== "") return "cannot specify -http with -addr";
  if (isTls && !http.startsWith("https://")) return "cannot specify -tls with -http http://; the URL decides";
  const others = { list: isList, watch: isWatch, gzip: isGzip, spiffe: isSpiffe, service: services.join("") !== "" };
  const [other] = Object.entries(others).find(([, isGiven]) => isGiven) ?? [];
  return other === undefined ? undefined : `cannot specify -${other} with -http`;
}
