/**
 * What a check may ask of its prober beside the target: plain data, the same words in the configuration and the library.
 *
 * A scheme takes the options that its row in `schemes` names; another one is refused when the check is declared.
 */
import type { Resolver } from "../client/resolver.js";
import type { Clock, Random } from "../core/clock.js";

/** Options of a prober. */
export interface ProberOptions {
  /** What the answer must be. */
  readonly expect?: Expectation | undefined;
  /** Keep the connection for the next probe. Default true; else every probe makes one of its own. */
  readonly reuse?: boolean | undefined;
  /** Headers of the request. */
  readonly headers?: Readonly<Record<string, string>> | undefined;
  readonly tls?: TargetTls | undefined;
}

/** What an HTTP answer must be. */
export interface Expectation {
  /** Statuses: `200`, `"200-299"`. Default 200-299. */
  readonly status?: readonly (number | string)[] | undefined;
  /** Text that the body holds, or a pattern that it matches. It is looked for in the first 64 KiB. */
  readonly body?: string | { readonly matches: string } | undefined;
  /** Headers of the answer, with the value that each must have. */
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /** Values in a JSON body by their path: `status`, `checks.db.ok`, `items[0].name`. */
  readonly json?: Readonly<Record<string, string | number | boolean | null>> | undefined;
}

/** How a target's TLS is done. PEM texts, not files. */
export interface TargetTls {
  /** Authorities that are trusted instead of the system's. */
  readonly ca?: string | undefined;
  /** Our own certificate, for targets that ask for one. */
  readonly cert?: string | undefined;
  readonly key?: string | undefined;
  /** The name that the certificate must have. Default: the target's host. */
  readonly serverName?: string | undefined;
  /** Default true. */
  readonly verify?: boolean | undefined;
  /** A certificate that ends within so many milliseconds is a `warn`. Default 14 days. */
  readonly warnBeforeMs?: number | undefined;
}

/** What a prober works with. */
export interface ProberDeps {
  readonly clock: Clock;
  readonly random: Random;
  readonly resolver: Resolver;
}
