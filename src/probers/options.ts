/**
 * Options of a prober: plain data, the same words in the configuration and the library.
 *
 * A scheme takes the options that its row in `schemes` names; others are refused when the check is declared.
 */
import type { Authorities, SystemAuthorities } from "../client/authorities.js";
import type { Goodbyes } from "../client/goodbyes.js";
import type { Resolver } from "../client/resolver.js";
import type { ReuseOptions } from "../client/reused-connection.js";
import type { Clock, Random } from "../core/clock.js";
import { type DurationLike, durationAsGiven, formatDuration, parseDuration } from "../core/duration.js";
import { OptionError } from "../core/option-error.js";
import type { TlsVersion } from "../core/tls-version.js";
import type { StartTlsProtocol } from "./starttls.js";

/** Options of a prober. */
export interface ProberOptions {
  /** What the answer must be. */
  readonly expect?: Expectation | undefined;
  /** Keep the connection for the next probe. Default true; with false, each probe opens a connection. */
  readonly reuse?: boolean | undefined;
  /**
   * A kept connection is replaced after this time, so that a new certificate, address or backend is seen. Above 0, at
   * most 1h. Default 5m.
   */
  readonly maxConnectionAge?: DurationLike | undefined;
  /** The user name of the target, as it is: not percent-encoded. The target's URL must not have one then. */
  readonly user?: string | undefined;
  /** The password of the target, as it is: not percent-encoded. The target's URL must not have one then. */
  readonly password?: string | undefined;
  /** Headers of the request. */
  readonly headers?: Readonly<Record<string, string>> | undefined;
  readonly tls?: TargetTls | undefined;
  /** Only gRPC: the `:authority` of calls, `host` or `host:port`. Default: `tls.serverName`, else the target's. */
  readonly authority?: string | undefined;
  /** Only gRPC: metadata of the call. The value of a key that ends with `-bin` is base64. */
  readonly metadata?: Readonly<Record<string, string>> | undefined;
  /** What is sent to the target, and what must come back. */
  readonly dialogue?: readonly DialogueStep[] | undefined;
  /** Only http: the method of the request. Default GET, or POST with a `body`. */
  readonly method?: string | undefined;
  /** Only http: the body of the request. Its `content-type` is `text/plain; charset=utf-8`, unless `headers` has one. */
  readonly body?: string | undefined;
  /**
   * Only http: speak HTTP/2. `true` is for https, where ALPN offers HTTP/2 alone; `prior-knowledge` is for targets without
   * TLS. Default false.
   */
  readonly http2?: boolean | "prior-knowledge" | undefined;
  /**
   * Only http: follow redirects, up to 5, whose scheme, host and port are those of the target. Default: a redirect is an
   * answer like others, and so mostly a failure.
   */
  readonly followRedirects?: "same-origin" | undefined;
  /** Only http: send a Bearer token, which an authorization server gives for these credentials. */
  readonly auth?: OAuthClient | undefined;
  /** Only flower+http: the minimum number of online workers for the check to pass. Default 1. */
  readonly minWorkers?: number | undefined;
}

/** The names of all options: a new one is missing here when the compiler says so. */
export const PROBER_OPTIONS: Readonly<Record<keyof ProberOptions, true>> = {
  expect: true,
  reuse: true,
  maxConnectionAge: true,
  user: true,
  password: true,
  headers: true,
  tls: true,
  authority: true,
  metadata: true,
  dialogue: true,
  method: true,
  body: true,
  http2: true,
  followRedirects: true,
  auth: true,
  minWorkers: true,
};

/** OAuth2 client credentials (RFC 6749, section 4.4). */
export interface OAuthClient {
  readonly clientId: string;
  readonly clientSecret: string;
  /** The token endpoint. */
  readonly tokenUrl: string;
  readonly scopes?: readonly string[] | undefined;
  /** For authorization servers that ask for one (Auth0, for example). */
  readonly audience?: string | undefined;
  /** How the credentials are sent: as Basic authentication or in the body. Default `client_secret_basic`. */
  readonly method?: OAuthMethod | undefined;
}

/** The names of RFC 8414, section 2. */
export const OAUTH_METHODS = ["client_secret_basic", "client_secret_post"] as const;
export type OAuthMethod = (typeof OAUTH_METHODS)[number];

/** What an answer must be. */
export interface Expectation {
  /** One status or range, or a list of them: `200`, `"200-299"`. Default 200-299. */
  readonly status?: number | string | readonly (number | string)[] | undefined;
  /** Text that the body must contain, or a pattern that it must match. Only the first 64 KiB are searched. */
  readonly body?: string | { readonly matches: string } | undefined;
  /** Headers of the answer, with what each must be. Of a repeated header and of a list, one value is enough. */
  readonly headers?: Readonly<Record<string, HeaderExpectation>> | undefined;
  /** Only dns: values that must be among the answers: `10.0.0.1`, `10 mail.example.com`. See `dns-answers`. */
  readonly answers?: readonly string[] | undefined;
  /** Values in a JSON body by their path: `status`, `checks.db.ok`, `items[0].name`. */
  readonly json?: Readonly<Record<string, string | number | boolean | null>> | undefined;
  /** Only programs: the exit codes, from 1 to 255, that are a warning. Default none: every code but 0 fails. */
  readonly warn?: number | readonly number[] | undefined;
  /** Only tls: the oldest version of TLS that passes, such as 1.3. */
  readonly minVersion?: TlsVersion | undefined;
}

/**
 * One step of a dialogue: sends, then reads until the answer is there; or starts TLS, as the first step of `tcp`.
 *
 * What was read up to the end of a match is gone for the next step. What follows stays.
 */
export interface DialogueStep {
  readonly send?: DialogueBytes | undefined;
  readonly expect?: DialogueExpectation | undefined;
  /** The protocol in which the server is asked for TLS. */
  readonly startTls?: StartTlsProtocol | undefined;
}

/** A text, sent as UTF-8, or bytes in hexadecimal. Nothing is added: a line needs its own `\r\n`. */
export type DialogueBytes = string | { readonly hex: string };

/** What the answer must contain, or the RE2 pattern that a part of it must match. */
export type DialogueExpectation = DialogueBytes | { readonly matches: string };

/**
 * What a header must be: a value (`text/plain` accepts `text/plain; charset=utf-8`), an RE2 pattern that it must match, or
 * `null` for a header that must not be there.
 */
export type HeaderExpectation = string | { readonly matches: string } | null;

/** TLS options of a target. PEM texts, not files. */
export interface TargetTls {
  /**
   * Certificates that are trusted instead of Node's list: authorities, or the target's own certificate. `system`: those of the
   * operating system, or of SSL_CERT_FILE and SSL_CERT_DIR.
   */
  readonly ca?: string | Authorities | undefined;
  /** The client certificate, for targets that ask for one. */
  readonly cert?: string | undefined;
  readonly key?: string | undefined;
  /** The name that the certificate must have. Default: the target's host. */
  readonly serverName?: string | undefined;
  /** Verify the target's certificate. Default true. */
  readonly verify?: boolean | undefined;
  /** The oldest version of TLS: 1.0, 1.1, 1.2 or 1.3. Default 1.2. */
  readonly minVersion?: TlsVersion | undefined;
  /** The newest version of TLS. Default: the newest that Node supports. */
  readonly maxVersion?: TlsVersion | undefined;
  /** A certificate that expires within this time is a `warn`; 0 turns that off. Default 14 days. */
  readonly warnBefore?: DurationLike | undefined;
}

/** What a prober works with. */
export interface ProberDeps {
  readonly clock: Clock;
  readonly random: Random;
  readonly resolver: Resolver;
  /** What `tls.ca: system` means. Default: read without an environment. */
  readonly authorities?: SystemAuthorities;
  /** Connections to targets read into it, see `client/target-socket`. */
  readonly readBuffer: Buffer;
  /** Ends the sessions of servers that have a login. */
  readonly goodbyes: Goodbyes;
}

const DEFAULT_MAX_AGE_MS = 300_000;
const MAX_MAX_AGE_MS = 3_600_000;

/**
 * How long a prober keeps its connection.
 * @throws OptionError for a `maxConnectionAge` that is no duration above 0 and up to 1h, or that has no effect
 */
export function reuseOptionsOf(options: ProberOptions, { clock, random }: ProberDeps): ReuseOptions {
  const { reuse = true, maxConnectionAge = DEFAULT_MAX_AGE_MS } = options;
  if (typeof reuse !== "boolean")
    throw new OptionError(["reuse"], `must be true or false; got ${JSON.stringify(reuse)}`);
  if (!reuse && options.maxConnectionAge !== undefined)
    throw new OptionError(["maxConnectionAge"], "has no effect with reuse: false, which keeps no connection");
  const maxAgeMs = parseDuration(maxConnectionAge) ?? 0;
  if (maxAgeMs > 0 && maxAgeMs <= MAX_MAX_AGE_MS) return { reuse, maxAgeMs, clock, random };
  const most = formatDuration(MAX_MAX_AGE_MS);
  const text = `must be a duration above 0 and at most ${most}, such as 5m; got ${durationAsGiven(maxConnectionAge)}`;
  throw new OptionError(["maxConnectionAge"], text);
}
