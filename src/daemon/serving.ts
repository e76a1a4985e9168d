/**
 * What answers clients over one reader: the health service, the bridge, and what their connections share. The main thread and
 * each listener thread have one.
 */
import type { AccessToken } from "../core/bearer-token.js";
import type { Clock, Random } from "../core/clock.js";
import { FairTurns } from "../core/fair-turns.js";
import { SharedBytesPool } from "../core/shared-bytes.js";
import type { StatusReader } from "../registry/ports.js";
import { HealthService } from "../transports/grpc/health-service.js";
import type { BridgeOptions } from "../transports/http/bridge.js";
import { PageRenderer } from "../transports/http/page-renderer.js";

export interface ServingOptions extends Pick<BridgeOptions, "onHeartbeat" | "metrics" | "listLimit"> {
  readonly reader: StatusReader;
  readonly clock: Clock;
  readonly random: Random;
  readonly token: AccessToken;
  readonly maxWatchers: number | undefined;
}

/** What all servers of one thread share: the fields are those of `ServerDeps`. */
export interface Serving {
  readonly clock: Clock;
  readonly random: Random;
  readonly turns: FairTurns;
  readonly pool: SharedBytesPool;
  readonly service: HealthService;
  readonly bridge: BridgeOptions;
}

/** @throws HealthError INVALID_OPTION */
export function createServing(options: ServingOptions): Serving {
  const { reader, clock, random, token, listLimit, maxWatchers, onHeartbeat, metrics } = options;
  const pool = new SharedBytesPool();
  const pages = new PageRenderer({ reader, clock, pool });
  return {
    clock,
    random,
    turns: new FairTurns(clock, reader.instance),
    pool,
    service: new HealthService(reader, { listLimit, maxWatchers, token }),
    bridge: { reader, clock, pages, listLimit, token, onHeartbeat, metrics },
  };
}
