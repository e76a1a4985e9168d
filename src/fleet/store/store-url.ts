/**
 * The URL of a store.
 *
 *     redis://user:password@host:6379/0                          rediss:// with TLS
 *     redis+sentinel://user:password@host:26379,host/master?db=0 rediss+sentinel:// with TLS, to the Sentinels too
 *     redis+cluster://user:password@host:6379,host               rediss+cluster:// with TLS
 *     postgres://user:password@host:5432/database?sslmode=require
 *
 * User and password are percent-encoded. No error shows a part of the URL that may belong to a password.
 */
import { isIPv6 } from "node:net";
import { HealthError } from "../../core/health-error.js";
import { formatHostPort, isHost } from "../../core/host-port.js";

export interface StoreHost {
  readonly host: string;
  readonly port: number;
}

export interface StoreLogin {
  /** `undefined`: the default user. */
  readonly user: string | undefined;
  readonly password: string | undefined;
}

export interface StoreUrl extends StoreLogin {
  readonly kind: "redis" | "sentinel" | "cluster" | "postgres";
  readonly isTls: boolean;
  /** One; of Sentinel and Cluster one or more, of which each is tried. */
  readonly hosts: readonly StoreHost[];
  /** The number of a database of Redis, or the name of a database of PostgreSQL. */
  readonly database: string;
  /** Of Sentinel: the name of the master, and the login at the Sentinels. */
  readonly master: string | undefined;
  readonly sentinel: StoreLogin;
  /** For people: scheme and hosts. */
  readonly label: string;
}

const KINDS = {
  redis: { kind: "redis", port: 6379, options: [] },
  "redis+sentinel": { kind: "sentinel", port: 26379, options: ["db", "sentinelUser", "sentinelPassword"] },
  "redis+cluster": { kind: "cluster", port: 6379, options: [] },
  postgres: { kind: "postgres", port: 5432, options: ["sslmode"] },
} as const;

const SCHEMES =
  "redis://, rediss://, redis+sentinel://, rediss+sentinel://, redis+cluster://, rediss+cluster:// or postgres://";

/** With these, the certificate is verified in any case: `tls` has its options. */
const TLS_MODES: readonly string[] = ["require", "verify-ca", "verify-full"];

const MAX_HOSTS = 32;

/**
 * Reads the URL of a store.
 * @throws HealthError INVALID_OPTION; the message follows the name of the option
 */
export function parseStoreUrl(text: string): StoreUrl {
  const [, scheme = "", authority = "", path = "", query = ""] =
    /^([a-z+]+):\/\/([^/?#]*)(?:\/([^?#]*))?(?:\?([^#]*))?$/i.exec(text) ?? [];
  const { name, isSecure } = schemeOf(scheme, text);
  // a reserved character has ended the user info early: the rest of the password would be read as something else
  if (`${path}${query}`.includes("@")) throw invalid(`must have its user and password percent-encoded${ENCODING}`);
  const { kind, port, options } = KINDS[name];
  const at = authority.lastIndexOf("@");
  const login = loginOf(authority.slice(0, Math.max(0, at)));
  const hosts = authority
    .slice(at + 1)
    .split(",")
    .map((each) => hostOf(each, port));
  if (hosts.length > MAX_HOSTS) throw invalid(`must have at most ${MAX_HOSTS} hosts`);
  if (hosts.length > 1 && kind !== "sentinel" && kind !== "cluster")
    throw invalid(`must have one host; several are for redis+sentinel:// and redis+cluster://`);
  const settings = settingsOf(query, options);
  const isTls = isSecure || TLS_MODES.includes(settings.get("sslmode") ?? "");
  const label = `${scheme.toLowerCase()}://${hosts.map((each) => formatHostPort(each.host, each.port)).join(",")}`;
  const sentinel = { user: settings.get("sentinelUser"), password: settings.get("sentinelPassword") };
  return { kind, isTls, ...login, hosts, ...placeOf(kind, decoded(path, "path"), settings, login), sentinel, label };
}

const ENCODING = "; in a password, write # as %23, / as %2F, ? as %3F, @ as %40 and % as %25";

function schemeOf(scheme: string, text: string) {
  if (scheme === "") {
    const isKnown = /^(?:rediss?(?:\+sentinel|\+cluster)?|postgres(?:ql)?):\/\//i.test(text);
    throw invalid(isKnown ? `must be a URL without a fragment${ENCODING}` : `must start with ${SCHEMES}`);
  }
  const lower = scheme.toLowerCase();
  const name = lower === "postgresql" ? "postgres" : lower.replace(/^rediss/, "redis");
  if (!isKind(name)) throw invalid(`must start with ${SCHEMES}; got ${scheme}://`);
  return { name, isSecure: lower.startsWith("rediss") };
}

function isKind(name: string): name is keyof typeof KINDS {
  return Object.hasOwn(KINDS, name);
}

function loginOf(userInfo: string): StoreLogin {
  const colon = userInfo.indexOf(":");
  const [user, password] = colon < 0 ? [userInfo, ""] : [userInfo.slice(0, colon), userInfo.slice(colon + 1)];
  return { user: decoded(user, "user name") || undefined, password: decoded(password, "password") || undefined };
}

function hostOf(text: string, defaultPort: number): StoreHost {
  const [, address, name, digits] = /^(?:\[([\da-f:.]+)\]|([^:[\]]+))(?::(\d{1,5}))?$/i.exec(text) ?? [];
  const port = digits === undefined ? defaultPort : Number(digits);
  // what is not a host may be a part of a password
  if (address !== undefined ? !isIPv6(address) : name === undefined || !isHost(name))
    throw invalid(`must have a host, such as redis.example:6379 or [::1]:6379${ENCODING}`);
  if (port < 1 || port > 65_535) throw invalid("must have a port from 1 to 65535");
  return { host: address ?? name ?? "", port };
}

function settingsOf(query: string, options: readonly string[]): ReadonlyMap<string, string> {
  // a plus sign is itself, and not a space: it may be in a password
  const settings = new Map(query === "" ? [] : [...new URLSearchParams(query.replaceAll("+", "%2B"))]);
  for (const option of settings.keys()) {
    const expected = options.length === 0 ? "this kind of store has none" : `expected ${options.join(", ")}`;
    if (!options.includes(option)) throw invalid(`has an unknown option after the question mark; ${expected}`);
  }
  const mode = settings.get("sslmode") ?? "disable";
  if (mode !== "disable" && !TLS_MODES.includes(mode))
    throw invalid(`must have an sslmode of disable, ${TLS_MODES.join(", ")}; the certificate is always verified`);
  return settings;
}

function placeOf(kind: StoreUrl["kind"], path: string, settings: ReadonlyMap<string, string>, { user }: StoreLogin) {
  if (kind === "postgres") {
    if (user === undefined) throw invalid("must have a user: postgres://user:password@host/database");
    return { database: path || user, master: undefined };
  }
  if (kind === "sentinel" && !/^[\w.-]+$/.test(path))
    throw invalid("must have the name of the master as its path: redis+sentinel://host:26379/mymaster");
  const database = (kind === "sentinel" ? settings.get("db") : path) || "0";
  if (!/^\d{1,5}$/.test(database)) throw invalid("must have the number of a database, such as 0");
  if (kind === "cluster" && Number(database) !== 0)
    throw invalid("must have no database but 0: a cluster has one only");
  return { database, master: kind === "sentinel" ? path : undefined };
}

function decoded(part: string, noun: string): string {
  let text: string;
  try {
    text = decodeURIComponent(part);
  } catch {
    throw invalid(`must have a valid percent-encoding in its ${noun}; a percent sign is written %25`);
  }
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
  if (/[\u0000-\u001f]/.test(text)) throw invalid(`must have no control characters in its ${noun}`);
  return text;
}

function invalid(text: string): HealthError {
  return new HealthError("INVALID_OPTION", text);
}
