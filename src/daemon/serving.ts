/**
 * What answers clients over one reader: the health service, the bridge, and what their connections share. The main thread and
 * each listener thread have one.
 */
import type { AccessToken } from "../core/bearer-token.js";
import type { Clock, Random } from "../core/clock.js";
import { FairTurns } from "../core/fair-turns.js";
import { SharedBytesPool } from "../core/shared-bytes.js";
import { OpenSet } from "../registry/open-set.js";
import type { StatusReader } from "../registry/ports.js";
import type { ServiceHistory } from "../telemetry/history/service-history.js";
import type { TransitionHistory } from "../telemetry/history/transition-history.js";
import { HealthService } from "../transports/grpc/health-service.js";
import type { BridgeOptions } from "../transports/http/bridge.js";
import { EventStreams } from "../transports/http/event-streams.js";
import { PageRenderer } from "../transports/http/page-renderer.js";
import type { Answering } from "./transports.js";

export interface ServingOptions
  extends Pick<BridgeOptions, "onHeartbeat" | "metrics" | "listLimit" | "page" | "hosts" | "askPast" | "fleet"> {
  readonly reader: StatusReader;
  readonly clock: Clock;
  readonly random: Random;
  readonly token: AccessToken;
  readonly maxWatchers: number | undefined;
  /** For `/events`; without it, that route does not exist. */
  readonly history: TransitionHistory | undefined;
  /** `undefined`: the past of services is not known in this thread. */
  readonly services?: ServiceHistory | undefined;
}

/** What all servers of one thread share: the fields are those of `ServerDeps`. */
export interface Serving extends Answering {
  readonly clock: Clock;
  readonly random: Random;
  readonly turns: FairTurns;
  readonly pool: SharedBytesPool;
  /** What answers clients of `open://` addresses. */
  readonly open: Answering;
  /** Ends the Watch streams and the streams of events, and refuses new ones. */
  endStreams(): void;
}

/** @throws HealthError INVALID_OPTION */
export function createServing(options: ServingOptions): Serving {
  const { reader, clock, random, token, listLimit, maxWatchers, onHeartbeat, metrics, history, services } = options;
  const { page, hosts, askPast, fleet } = options;
  const pool = new SharedBytesPool();
  const pages = new PageRenderer({ reader, clock, pool });
  const service = new HealthService(reader, { listLimit, maxWatchers, token });
  const events = history && new EventStreams({ reader, clock, pages, history, token });
  const open = createOpen({ reader: new OpenSet(reader), clock, pool, maxWatchers });
  const past = history && services && { transitions: history, services };
  return {
    clock,
    random,
    turns: new FairTurns(clock, reader.instance),
    pool,
    service,
    bridge: {
      ...{ reader, clock, pages, listLimit, token, onHeartbeat, metrics, events, page, hosts, askPast, fleet },
      history: past,
      transitions: history,
    },
    open,
    endStreams: () => {
      service.endWatches();
      open.service.endWatches();
      events?.end();
    },
  };
}

/** It needs no token, and has pages of its own: one that was rendered for other clients has names. */
function createOpen({
  maxWatchers,
  ...deps
}: Pick<ServingOptions, "reader" | "clock" | "maxWatchers"> & Pick<Serving, "pool">): Answering {
  const { reader, clock } = deps;
  return {
    service: new HealthService(reader, { maxWatchers }),
    bridge: { reader, clock, pages: new PageRenderer(deps), openSet: true },
  };
}
