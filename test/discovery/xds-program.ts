/**
 * A server of xDS in a process of its own, for load: 10,000 instances of as many services as its argument says, and the service
 * `honest`.
 *
 *     parent --flip--> state of the one instance of `honest`          parent <--port, memory--
 *     parent --flap n--> n instances change their states every 50 ms
 */
import { subscribe } from "../../src/core/channels.js";
import { systemClock } from "../../src/core/clock.js";
import { residentBytes } from "../../src/core/memory.js";
import { InstanceCatalog } from "../../src/instances/catalog.js";
import type { CheckState } from "../../src/registry/ports.js";
import { Registry } from "../../src/registry/registry.js";
import { XdsService } from "../../src/transports/xds/service.js";
import { listenXds } from "../transports/xds/xds-server.js";

/** What the parent asks for. */
export type ProgramOrder = { readonly flip: CheckState } | { readonly flap: number } | { readonly ask: "figures" };

/** What the program answers. */
export interface ProgramFigures {
  readonly port: number;
  readonly rss: number;
  readonly streams: number;
  readonly pushes: number;
  readonly nacks: number;
}

const SERVICES = Number(process.argv[2]);
const INSTANCES = 10_000;
const FLAP_MS = 50;

const registry = new Registry({ clock: systemClock, instance: "xds-load" });
const catalog = new InstanceCatalog({ reader: registry, clock: systemClock });
const service = new XdsService({ catalog, clock: systemClock, instance: "xds-load" });

function report(name: string, state: CheckState): void {
  const results = { reason: "ok", held: false, latencyMs: 1, lastResultAt: 1, since: systemClock.wallTime() };
  registry.report({ name, state, critical: true, counted: true, startup: true, services: [], ...results });
}

const instances = Array.from({ length: INSTANCES }, (_, index) => ({
  check: `i${index}`,
  services: [`s${index % SERVICES}`],
  host: `10.0.${index >> 8}.${index & 255}`,
  ...{ port: 50051, tags: [], meta: {}, weight: 1 },
}));
const honest = { ...instances[0], check: "honest", services: ["honest"], host: "192.0.2.1" } as (typeof instances)[0];
for (const { check } of [...instances, honest]) report(check, "passing");
const all = [...instances, honest];
catalog.set({ instances: all, services: [...new Set(all.flatMap((each) => each.services))], awaited: new Set() });

const { port } = await listenXds(service, 600_000);
const tell = () =>
  process.send?.({
    ...{ port, rss: residentBytes() ?? 0, streams: service.streams, pushes: service.pushes, nacks: service.nacks },
  } satisfies ProgramFigures);

subscribe("fault", ({ where, error }) => console.error(where, error));

let flapping: NodeJS.Timeout | undefined;
let at = 0;
function flap(count: number): void {
  for (let index = 0; index < count; index += 1, at += 1) {
    const isUp = Math.floor(at / instances.length) % 2 === 1;
    report(`i${at % instances.length}`, isUp ? "passing" : "failing");
  }
}

process.on("message", (order: ProgramOrder) => {
  if ("flip" in order) report("honest", order.flip);
  else if ("ask" in order) tell();
  else {
    clearTimeout(flapping);
    const again = () => {
      flap(order.flap);
      flapping = setTimeout(again, FLAP_MS);
    };
    if (order.flap > 0) again();
  }
});
process.on("disconnect", () => process.exit());
tell();
