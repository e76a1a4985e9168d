/**
 * The options of a `HealthClient`: defaults, and validation for callers without types.
 *
 *     "orders:50051"    "[::1]:50051"    "unix:/run/orders.sock"
 */
import { type Clock, type Random, systemClock } from "../core/clock.js";
import { type DurationLike, durationAsGiven, parseDuration } from "../core/duration.js";
import { HealthError } from "../core/health-error.js";
import { MAX_TIMER_MS, requireKnownOptions } from "../core/option.js";
import { OptionError } from "../core/option-error.js";
import type { TlsVersion } from "../core/tls-version.js";
import type { TargetAddress } from "./connection-attempts.js";
import type { HealthStubOptions } from "./health-stub.js";
import { NameResolver } from "./resolver.js";
import { createReadBuffer } from "./target-socket.js";
import type { TlsClientOptions } from "./tls-options.js";

/** TLS of a `HealthClient`. */
export interface HealthClientTls {
  /** Authorities that are trusted, in PEM. Default: those of Node. */
  readonly ca?: string | Buffer | undefined;
  /** Certificate and key of the client, in PEM, for a server that asks for them (mTLS). */
  readonly cert?: string | Buffer | undefined;
  readonly key?: string | Buffer | undefined;
  /** The name that the certificate of the server must have, and that is sent (SNI). Default: the host of the target. */
  readonly serverName?: string | undefined;
  /** False accepts any certificate: for tests only. Default true. */
  readonly verify?: boolean | undefined;
  /** The oldest version of TLS that is accepted. Default 1.2. */
  readonly minVersion?: TlsVersion | undefined;
  readonly maxVersion?: TlsVersion | undefined;
}

/** Options of a `HealthClient`. */
export interface HealthClientOptions {
  /** TLS: `true`, or its options. Default: clear text. */
  readonly tls?: boolean | HealthClientTls | undefined;
  /** The `:authority` of calls, `HOST` or `HOST:PORT`, by which a gateway routes. Default: the target. */
  readonly authority?: string | undefined;
  /** Metadata of all calls. The value of a name that ends with `-bin` is base64. */
  readonly metadata?: Readonly<Record<string, string>> | undefined;
  /** Deadline of a call, and the time for the first status of a Watch. Default 5 s. */
  readonly timeout?: DurationLike | undefined;
  /** A Watch that is silent for so long is verified with a Check: see `watch`. Default 30 s. */
  readonly keepalive?: DurationLike | undefined;
  /** Default: the clock of this machine. */
  readonly clock?: Clock | undefined;
  /** Varies the back-off of a Watch. Default: `Math.random`. */
  readonly random?: Random | undefined;
}

const OPTIONS = ["tls", "authority", "metadata", "timeout", "keepalive", "clock", "random"] as const;
const TLS_OPTIONS = ["ca", "cert", "key", "serverName", "verify", "minVersion", "maxVersion"] as const;

const DEFAULT_TIMEOUT_MS = 5_000;
const DEFAULT_KEEPALIVE_MS = 30_000;

/** A new certificate, address or backend of the target is noticed after so long. */
const MAX_CONNECTION_AGE_MS = 300_000;

/** A List of 4 MiB costs 4,096, and many Watches may change at the same time. */
const FRAME_RATE = { burst: 10_000, perSecond: 1_000 } as const;

/** What a `HealthClient` works with. */
export interface HealthClientSettings {
  readonly stub: HealthStubOptions;
  readonly timeoutMs: number;
  readonly keepaliveMs: number;
}

/** @throws HealthError INVALID_TARGET, INVALID_OPTION */
export function readClientOptions(target: string, options: HealthClientOptions): HealthClientSettings {
  if (typeof options !== "object" || options === null)
    throw new HealthError("INVALID_OPTION", "the options of a HealthClient must be an object");
  requireKnownOptions("a HealthClient", options, OPTIONS);
  const { clock = systemClock, random = Math.random, authority, metadata } = options;
  return {
    timeoutMs: readDuration("timeout", options.timeout, DEFAULT_TIMEOUT_MS),
    keepaliveMs: readDuration("keepalive", options.keepalive, DEFAULT_KEEPALIVE_MS),
    stub: {
      ...readTarget(target, clock),
      ...{ tls: readTls(options.tls), authority, metadata, clock, random, frameRate: FRAME_RATE },
      ...{ reuse: true, maxAgeMs: MAX_CONNECTION_AGE_MS, readBuffer: createReadBuffer() },
    },
  };
}

/** @throws HealthError INVALID_OPTION */
export function readDuration(option: string, value: DurationLike | undefined, fallbackMs: number): number {
  if (value === undefined) return fallbackMs;
  const ms = parseDuration(value);
  if (ms !== undefined && ms >= 1 && ms <= MAX_TIMER_MS) return ms;
  const given = durationAsGiven(value);
  throw new OptionError([option], `must be a duration from 1ms to 24d, such as "5s" or 5000; got ${given}`);
}

const HOST_AND_PORT = /^(?:\[([\da-f:.]+(?:%[\w.~-]+)?)\]|([^\s:/?#@[\]\\]+)):(\d{1,5})$/i;

function readTarget(target: unknown, clock: Clock): TargetAddress {
  if (typeof target !== "string") throw invalidTarget("it must be a text");
  if (target.startsWith("unix:")) {
    const path = target.slice("unix:".length).replace(/^\/\/(?=\/)/, "");
    if (path === "" || path.includes("\0")) throw invalidTarget("expected unix:/PATH");
    return { path };
  }
  const [, address, name, port] = HOST_AND_PORT.exec(target) ?? [];
  const host = address ?? name;
  const isPort = Number(port) >= 1 && Number(port) <= 65_535;
  if (host !== undefined && isPort) return { host, port: Number(port), resolver: new NameResolver({ clock }) };
  if (/^[a-z][a-z0-9+.-]*:\/\//i.test(target)) throw invalidTarget("a URL is not taken; for TLS set the option tls");
  throw invalidTarget("expected HOST:PORT, [IPV6]:PORT or unix:/PATH");
}

/** The text is not shown: it may have a login in it. */
function invalidTarget(text: string): HealthError {
  return new HealthError("INVALID_TARGET", `the target of a HealthClient is invalid: ${text}`);
}

function readTls(tls: unknown): TlsClientOptions | undefined {
  if (tls === undefined || tls === false) return undefined;
  if (tls === true) return {};
  if (typeof tls !== "object" || tls === null || Array.isArray(tls))
    throw new OptionError(["tls"], "must be true, false, or an object of options");
  requireKnownOptions("tls", tls, TLS_OPTIONS);
  const { ca, cert, key, verify, ...rest }: HealthClientTls = tls;
  if (verify !== undefined && typeof verify !== "boolean")
    throw new OptionError(["tls", "verify"], "must be a boolean");
  if ((cert === undefined) !== (key === undefined))
    throw new OptionError(["tls", cert === undefined ? "key" : "cert"], "needs tls.cert and tls.key together");
  return { ...rest, verify, ca: readPem("ca", ca), cert: readPem("cert", cert), key: readPem("key", key) };
}

function readPem(option: string, pem: unknown): string | undefined {
  if (pem === undefined) return undefined;
  if (typeof pem !== "string" && !Buffer.isBuffer(pem))
    throw new OptionError(["tls", option], "must be the text of a PEM file, or a Buffer of it");
  return pem.toString();
}
