/**
 * The schemes: which prober probes which URL. A new one is a file, a row here, and a row in the docs.
 */
import { SystemAuthorities } from "../client/authorities.js";
import { needsZone } from "../client/forbidden-addresses.js";
import { Goodbyes } from "../client/goodbyes.js";
import { resolverFor } from "../client/resolver.js";
import { createReadBuffer } from "../client/target-socket.js";
import { systemClock } from "../core/clock.js";
import { nearestTo } from "../core/nearest.js";
import { OptionError } from "../core/option-error.js";
import { openAmqp } from "./amqp.js";
import { openTcp, openUnix } from "./connect.js";
import { startsTls } from "./dialogue.js";
import { openDns } from "./dns.js";
import { openFlower } from "./flower.js";
import { openGrpc } from "./grpc.js";
import { openHttp } from "./http.js";
import { openMysql } from "./mysql.js";
import { optionHint, requireTlsOptions } from "./option-hints.js";
import type { Expectation, ProberDeps, ProberOptions } from "./options.js";
import { openPostgres } from "./postgres.js";
import type { Prober } from "./prober.js";
import { openRedis } from "./redis.js";
import { hostOf, invalidTarget, loginHint, parseTarget } from "./target.js";
import { openTls } from "./tls.js";
import { openUdp } from "./udp.js";
import { openWebSocket } from "./websocket.js";

/** What a scheme demands of its URLs, and the prober of them. */
interface Scheme {
  readonly open: (target: URL, deps: ProberDeps, options: ProberOptions) => Prober;
  /** The options that it takes. */
  readonly options: readonly (keyof ProberOptions)[];
  /** What `expect` may say. Default: what an HTTP answer must be. */
  readonly expects?: readonly (keyof Expectation)[];
  /** Whether TLS is used always, or only with the option `tls`. Default: never. */
  readonly tls?: "always" | "by option";
  /** An example of a target, for error messages. */
  readonly example: string;
  /** A URL must have a port, because the scheme has no default. */
  readonly needsPort: boolean;
  /** The URL may have a user name and a password. */
  readonly takesCredentials: boolean;
  /** What may follow the host: nothing, the path alone, or a path with a query. */
  readonly takes: "host" | "path" | "query";
  /** A URL must have a host. Default true. */
  readonly needsHost?: boolean;
}

const HTTP = {
  open: openHttp,
  options: [
    "expect",
    "reuse",
    "maxConnectionAge",
    "user",
    "password",
    "headers",
    "method",
    "body",
    "http2",
    "followRedirects",
    "auth",
  ],
  needsPort: false,
  takesCredentials: true,
  takes: "query",
} as const;
const FLOWER = {
  open: openFlower,
  options: ["reuse", "maxConnectionAge", "user", "password", "headers", "minWorkers"],
  needsPort: false,
  takesCredentials: true,
  takes: "path",
} as const;
const GRPC = {
  open: openGrpc,
  options: ["reuse", "maxConnectionAge", "authority", "metadata"],
  needsPort: true,
  takesCredentials: false,
  takes: "path",
} as const;

const WEBSOCKET = {
  open: openWebSocket,
  options: ["dialogue", "user", "password", "headers"],
  needsPort: false,
  takesCredentials: true,
  takes: "query",
} as const;

/** Servers with a default port and a login. */
const SERVER = {
  options: ["reuse", "maxConnectionAge", "user", "password"],
  needsPort: false,
  takesCredentials: true,
  takes: "path",
} as const;

/** The same with TLS: without it, the option `tls` would have no effect. */
function withTls<Rest extends Pick<Scheme, "options">>(scheme: Rest, tls: "always" | "by option" = "always") {
  return { ...scheme, tls, options: [...scheme.options, "tls"] } as const;
}

/** The clock, the randomness and a resolver of this machine. */
export function systemDeps(): ProberDeps {
  const goodbyes = new Goodbyes(systemClock);
  const readBuffer = createReadBuffer();
  return { clock: systemClock, random: Math.random, resolver: resolverFor(false), readBuffer, goodbyes };
}

const HTTP_EXPECTS = ["status", "body", "headers", "json"] as const;

/** Every scheme that a target may have. */
export const SCHEMES = {
  http: { ...HTTP, example: "http://host:port/path" },
  https: { ...withTls(HTTP), example: "https://host/path" },
  tcp: {
    open: openTcp,
    options: ["dialogue", "tls"],
    tls: "by option",
    needsPort: true,
    takesCredentials: false,
    takes: "host",
    example: "tcp://host:port",
  },
  tls: {
    open: openTls,
    options: ["dialogue", "tls", "expect"],
    expects: ["minVersion"],
    tls: "always",
    needsPort: true,
    takesCredentials: false,
    takes: "host",
    example: "tls://host:port",
  },
  udp: {
    open: openUdp,
    options: ["dialogue"],
    needsPort: true,
    takesCredentials: false,
    takes: "host",
    example: "udp://host:port",
  },
  unix: {
    open: openUnix,
    options: ["dialogue"],
    needsPort: false,
    needsHost: false,
    takesCredentials: false,
    takes: "path",
    example: "unix:///run/service.sock",
  },
  "http+unix": {
    ...HTTP,
    needsHost: false,
    example: "http+unix://%2Frun%2Fservice.sock/path",
  },
  redis: { ...SERVER, open: openRedis, example: "redis://host:6379" },
  rediss: { ...withTls(SERVER), open: openRedis, example: "rediss://host:6379" },
  postgres: { ...withTls(SERVER, "by option"), open: openPostgres, example: "postgres://user@host:5432/database" },
  postgresql: { ...withTls(SERVER, "by option"), open: openPostgres, example: "postgresql://user@host:5432/database" },
  mysql: { ...withTls(SERVER, "by option"), open: openMysql, example: "mysql://user@host:3306/database" },
  amqp: { ...SERVER, open: openAmqp, example: "amqp://user@host:5672/vhost" },
  amqps: { ...withTls(SERVER), open: openAmqp, example: "amqps://user@host:5671/vhost" },
  ws: { ...WEBSOCKET, example: "ws://host:port/path" },
  wss: { ...withTls(WEBSOCKET), example: "wss://host/path" },
  dns: {
    open: openDns,
    options: ["expect"],
    expects: ["answers"],
    needsPort: false,
    needsHost: false,
    takesCredentials: false,
    takes: "query",
    example: "dns:example.com",
  },
  grpc: { ...GRPC, example: "grpc://host:port/package.Service" },
  grpcs: { ...withTls(GRPC), example: "grpcs://host:port/package.Service" },
  "grpc+unix": {
    ...GRPC,
    needsPort: false,
    needsHost: false,
    example: "grpc+unix://%2Frun%2Fservice.sock/package.Service",
  },
  "flower+http": { ...FLOWER, example: "flower+http://host:5555" },
  "flower+https": { ...withTls(FLOWER), example: "flower+https://host/prefix" },
} as const satisfies Readonly<Record<string, Scheme>>;

/**
 * The prober of a target. Nothing is connected before the first probe.
 * @throws HealthError INVALID_TARGET
 */
export function openTarget(text: string, deps: ProberDeps = systemDeps(), options: ProberOptions = {}): Prober {
  const target = parseTarget(text);
  const scheme = schemeOf(text, target.protocol.slice(0, -1));
  requireOptions(text, scheme, options);
  // the parser takes http:name for http://name
  if (scheme.needsHost !== false && !/^\s*[^:]*:\/\/(?!\/)/.test(text))
    throw invalidTarget(text, `after the scheme there must be two slashes and a host; expected ${scheme.example}`);
  if (scheme.needsHost !== false && target.hostname === "")
    throw invalidTarget(text, `a host is missing; expected ${scheme.example}`);
  if (scheme.needsPort && target.port === "")
    throw invalidTarget(text, `a port is missing; expected ${scheme.example}`);
  if (target.port === "0") throw invalidTarget(text, "port 0 is not a port of a server");
  if (!scheme.takesCredentials && (target.username !== "" || target.password !== "")) {
    throw invalidTarget(text, `this scheme takes no name and password; expected ${scheme.example}`);
  }
  refuseSurplus(text, target, scheme);
  if (!deps.resolver.permits(hostOf(target)))
    throw invalidTarget(
      text,
      "link-local addresses are not probed, nor are the metadata services of clouds; allowLinkLocal: true allows them",
    );
  if (needsZone(hostOf(target)) && !hostOf(target).includes("%"))
    throw invalidTarget(text, "a link-local address needs the zone of an interface, as in [fe80::1%eth0]");
  return scheme.open(target, deps, withAuthorities(scheme, deps, options));
}

/** Whether TLS begins as soon as a connection to the target is made. */
export function isAlwaysTls(target: string): boolean {
  const known: Readonly<Record<string, Scheme>> = SCHEMES;
  return known[target.slice(0, target.indexOf(":")).trim().toLowerCase()]?.tls === "always";
}

/** Puts certificates in the place of `ca: system`, and of no `ca` where the environment names some. */
function withAuthorities(
  scheme: Scheme,
  { authorities = new SystemAuthorities() }: ProberDeps,
  options: ProberOptions,
): ProberOptions {
  const { tls } = options;
  const isByOption = tls !== undefined || startsTls(options.dialogue);
  if (scheme.tls === undefined || (scheme.tls === "by option" && !isByOption)) return options;
  const ca = authorities.of(tls?.ca);
  return ca === tls?.ca ? options : { ...options, tls: { ...tls, ca } };
}

/** Refuses parts of a URL that the scheme would ignore: they are a mistake. */
function refuseSurplus(text: string, target: URL, { takes, example }: Scheme): void {
  const { pathname, search, hash } = target;
  const more = [hash, takes === "query" ? "" : search, takes === "host" && pathname !== "/" ? pathname : ""];
  const surplus = more.find((part) => part !== "");
  if (surplus !== undefined)
    throw invalidTarget(
      text,
      `this scheme does not allow the part from ${JSON.stringify(surplus[0])} on; expected ${example}${loginHint(text)}`,
    );
}

function requireOptions(text: string, scheme: Scheme, options: ProberOptions): void {
  requireExpectation(scheme, options.expect);
  requireTlsOptions(options);
  const given = Object.entries(options).filter(([, value]) => value !== undefined);
  const [surplus] = given.find(([name]) => !scheme.options.some((known) => known === name)) ?? [];
  if (surplus === undefined) return;
  const hint = optionHint(text, surplus, scheme.options);
  throw new OptionError([surplus], `is not an option of this scheme; it takes ${scheme.options.join(", ")}${hint}`);
}

function requireExpectation({ expects = HTTP_EXPECTS, options }: Scheme, expect: Expectation = {}): void {
  const surplus = Object.keys(expect).find((name) => !expects.some((known) => known === name));
  if (surplus === undefined || !options.includes("expect")) return;
  throw new OptionError(["expect", surplus], `is not an expectation of this scheme; it takes ${expects.join(", ")}`);
}

function schemeOf(text: string, name: string): Scheme {
  const known: Readonly<Record<string, Scheme>> = SCHEMES;
  const scheme = Object.hasOwn(known, name) ? known[name] : undefined;
  if (scheme !== undefined) return scheme;
  // without slashes, NAME:PASSWORD@HOST looks like a scheme
  if (text.includes("@") && !/^\s*[a-z][a-z0-9+.-]*:[/\\]/i.test(text))
    throw invalidTarget(text, "expected a URL such as http://host:port/path");
  if (/^[^/?#]+:\d+(?:[/?#]|$)/.test(text.trim()))
    throw invalidTarget(text, "a scheme is missing; expected a URL such as tcp://host:port or http://host:port/path");
  const nearest = nearestTo(name, Object.keys(known));
  const hint = nearest === undefined ? "" : `; did you mean ${nearest}://?`;
  throw invalidTarget(text, `unknown scheme ${JSON.stringify(name)}; known: ${Object.keys(known).join(", ")}${hint}`);
}
