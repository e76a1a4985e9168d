/** Opens the store that a URL names. Only the client library of that store is loaded. */
import type { TlsClientOptions } from "../../client/tls-options.js";
import type { Clock } from "../../core/clock.js";
import type { FleetStore } from "./store.js";
import type { StoreUrl } from "./store-url.js";

export interface StoreOptions {
  /** The name of the fleet: letters, digits, dots, `-` and `_`. */
  readonly fleet: string;
  /** How long a call may take, in milliseconds: half a lease. */
  readonly deadlineMs: number;
  readonly clock: Clock;
  /** For a URL with TLS: PEM texts and the name of the server. */
  readonly tls?: TlsClientOptions | undefined;
}

/**
 * Opens a store. It connects at its first call.
 * @throws HealthError MISSING_PACKAGE, TLS_FAILED, and INVALID_OPTION for an option of TLS
 */
export async function openStore(url: StoreUrl, options: StoreOptions): Promise<FleetStore> {
  if (url.kind === "postgres") {
    const { PostgresStore } = await import("./postgres-store.js");
    return new PostgresStore(url, options);
  }
  const { RedisStore } = await import("./redis-store.js");
  return new RedisStore(url, options);
}
