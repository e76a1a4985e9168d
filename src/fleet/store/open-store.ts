/** Opens the store that a URL names. Only the client library of that store is loaded. */
import type { FleetStore, StoreOptions } from "./store.js";
import type { StoreUrl } from "./store-url.js";

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
