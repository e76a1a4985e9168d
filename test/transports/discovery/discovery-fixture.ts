/** The routes of discovery over a catalog and a registry of their own, asked without a socket. */
import { AccessToken } from "../../../src/core/bearer-token.js";
import type { Clock } from "../../../src/core/clock.js";
import { FairTurns } from "../../../src/core/fair-turns.js";
import { SharedBytesPool } from "../../../src/core/shared-bytes.js";
import { InstanceCatalog } from "../../../src/instances/catalog.js";
import type { InstanceFacts } from "../../../src/instances/instance.js";
import type { CheckState } from "../../../src/registry/ports.js";
import { Registry } from "../../../src/registry/registry.js";
import { DiscoveryRoutes, type DiscoveryRoutesDeps } from "../../../src/transports/discovery/discovery-routes.js";
import type { HttpRequest } from "../../../src/wire/http-message.js";
import { VirtualClock } from "../../support/virtual-clock.js";
import { type ReadAnswer, read } from "../http/bridge-fixture.js";

const REQUEST: Omit<HttpRequest, "target"> = {
  method: "GET",
  accept: undefined,
  contentType: undefined,
  authorization: undefined,
  body: undefined,
};

export const NOT_KNOWN = /^healthbridge does not know the instances now/;

/** An instance of `orders`, unless it says otherwise. */
export function facts(check: string, more: Partial<InstanceFacts> = {}): InstanceFacts {
  const place = { host: "192.0.2.1", port: 50051 };
  return { check, services: ["orders"], ...place, tags: [], meta: {}, weight: 1, ...more };
}

/** A request that was made. */
export interface Asked {
  /** `undefined` while the request is blocked. */
  answer(): ReadAnswer | undefined;
  /** The client goes away. */
  leave(): void;
}

export class Site<C extends Clock> {
  readonly clock: C;
  readonly registry: Registry;
  readonly catalog: InstanceCatalog;
  readonly token: AccessToken;
  readonly turns: FairTurns;
  readonly pool = new SharedBytesPool();
  readonly routes: DiscoveryRoutes;

  constructor(clock: C, { token, ...options }: Partial<Omit<DiscoveryRoutesDeps, "token">> & { token?: string } = {}) {
    this.clock = clock;
    this.registry = new Registry({ clock, instance: "discovery" });
    this.catalog = new InstanceCatalog({ reader: this.registry, clock });
    this.turns = new FairTurns(clock, "discovery");
    this.token = new AccessToken(token);
    const { catalog, pool } = this;
    const forms = { consul: true, prometheus: true };
    const { turns } = this;
    const deps = { clock, catalog, turns, pool, forms, instance: "discovery", random: () => 0, version: "1.2.3" };
    this.routes = new DiscoveryRoutes({ ...deps, ...options, token: this.token });
  }

  /** Replaces all instances. Those that have no state get `state`. */
  set(instances: readonly InstanceFacts[], state: CheckState = "passing", awaited: readonly string[] = []): void {
    for (const { check } of instances) if (this.registry.check(check) === undefined) this.report(check, state);
    const services = [...new Set([...instances.flatMap((each) => each.services), ...awaited])];
    this.catalog.set({ instances, services, awaited: new Set(awaited) });
  }

  report(name: string, state: CheckState, reason?: string): void {
    const at = state === "pending" ? undefined : this.clock.wallTime();
    const results = { reason, held: false, latencyMs: undefined, lastResultAt: at, since: this.clock.wallTime() };
    this.registry.report({ name, state, critical: true, counted: true, startup: true, services: [], ...results });
  }

  /** @param onAnswer called in the step of the answer */
  ask(target: string, more: Partial<HttpRequest> = {}, onAnswer: () => void = () => {}): Asked {
    let answer: ReadAnswer | undefined;
    const stop = this.routes.answer({ ...REQUEST, target, ...more }, (each) => {
      answer = read(each);
      onAnswer();
    });
    return { answer: () => answer, leave: () => stop?.() };
  }

  /** The answer of a request that is not blocked. */
  get(target: string, more: Partial<HttpRequest> = {}): ReadAnswer {
    const answer = this.ask(target, more).answer();
    if (answer === undefined) throw new Error(`${target} is blocked`);
    return answer;
  }

  // biome-ignore lint/suspicious/noExplicitAny: a test reads what it expects of the JSON
  json(target: string): any {
    return JSON.parse(this.get(target).body);
  }
}

export function siteOf(options: ConstructorParameters<typeof Site>[1] = {}) {
  const site = new Site(new VirtualClock(), options);
  /** Changes a state, and lets the catalog and the blocked queries take notice. */
  const turn = async (name: string, state: CheckState, reason?: string) => {
    site.report(name, state, reason);
    await site.clock.advance(20);
    await turns();
  };
  return Object.assign(site, { turn });
}

/** Some turns of the event loop. */
export async function turns(count = 5): Promise<void> {
  for (let turn = 0; turn < count; turn += 1) await new Promise((resolve) => setImmediate(resolve));
}

/** The index of an answer. */
export function indexOf(answer: ReadAnswer | undefined): number {
  return Number(answer?.headers["x-consul-index"]);
}
