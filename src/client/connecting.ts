/**
 * How a connection to a target is made: one way for every scheme.
 *
 * Of several addresses each gets its share of the time, and a second at least where there is one: Node's own 250 ms
 * takes a target that is merely far away for one that is down (nodejs#54359).
 */
import type { LookupFunction } from "node:net";
import type { Resolver } from "./resolver.js";

/** Where to, and how long it may take. */
export interface Destination {
  readonly host: string;
  readonly port: number;
  readonly resolver: Resolver;
  readonly timeoutMs: number;
}

/** Options of a connection. */
export interface ConnectOptions {
  readonly host: string;
  readonly port: number;
  readonly lookup: LookupFunction;
  readonly autoSelectFamily: true;
  readonly autoSelectFamilyAttemptTimeout: number;
  readonly noDelay: true;
}

/** Options for `net.connect`, and for `tls.connect` beside its own. */
export function connectOptions({ host, port, resolver, timeoutMs }: Destination): ConnectOptions {
  const autoSelectFamilyAttemptTimeout = Math.ceil(timeoutMs / 2);
  return { host, port, lookup: resolver.lookup, autoSelectFamily: true, autoSelectFamilyAttemptTimeout, noDelay: true };
}
