/**
 * Names made into addresses, for every connection that we open: what a name means is asked here and nowhere else.
 *
 * It is handed to `net.connect` as its `lookup`, so an address that is refused here is never connected to, whatever the
 * name meant a moment before (DNS rebinding).
 */
import { lookup } from "node:dns";
import type { LookupFunction } from "node:net";

/** What finds the addresses of a name. */
export interface Resolver {
  /** For the option `lookup` of `net.connect` and `tls.connect`. It always gives every address. */
  readonly lookup: LookupFunction;
}

/** Asks the system. */
export const systemResolver: Resolver = { lookup };
