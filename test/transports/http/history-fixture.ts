/** A bridge with a history, as a `Health` with `history: true` has it. */
import { AccessToken } from "../../../src/core/bearer-token.js";
import { SharedBytesPool } from "../../../src/core/shared-bytes.js";
import { Registry } from "../../../src/registry/registry.js";
import { ServiceHistory } from "../../../src/telemetry/history/service-history.js";
import { TransitionHistory } from "../../../src/telemetry/history/transition-history.js";
import type { BridgeOptions } from "../../../src/transports/http/bridge.js";
import { EventStreams } from "../../../src/transports/http/event-streams.js";
import { PageRenderer } from "../../../src/transports/http/page-renderer.js";
import { VirtualClock } from "../../support/virtual-clock.js";
import { bridgeAt } from "./bridge-fixture.js";

export interface HistoryFixtureOptions extends Pick<BridgeOptions, "page" | "hosts" | "paths" | "fleet"> {
  readonly token?: string | undefined;
  /** As in a listener thread: without the past of services. */
  readonly isThread?: boolean;
}

export function historyFixture({ token, isThread = false, ...options }: HistoryFixtureOptions = {}) {
  const clock = new VirtualClock();
  const registry = new Registry({ clock, instance: "history" });
  const transitions = new TransitionHistory("e1");
  const services = new ServiceHistory({ clock, maxBytes: 64 * 1_048_576, retainMs: 30 * 86_400_000 });
  registry.onTransition((transition) => {
    transitions.add(transition);
    services.add(transition);
  });
  const access = new AccessToken(token);
  const pages = new PageRenderer({ reader: registry, clock, pool: new SharedBytesPool() });
  const events = new EventStreams({ reader: registry, clock, pages, history: transitions, token: access });
  const history = isThread ? undefined : { transitions, services };
  const { ask, answer, bridge } = bridgeAt(clock, {
    registry,
    events,
    token: access,
    history,
    transitions,
    ...options,
  });
  return { clock, registry, transitions, services, ask, answer, bridge };
}
