/**
 * healthbridge's xDS in a process of its own: `server.js SERVICES INSTANCES`. It prints its port. SIGUSR2 toggles the state of one
 * instance.
 *
 * The states come from the registry, as in the daemon. 100,000 checks would probe, so there are none.
 */
import { systemClock } from "../../src/core/clock.js";
import { InstanceCatalog } from "../../src/instances/catalog.js";
import type { CheckState } from "../../src/registry/ports.js";
import { Registry } from "../../src/registry/registry.js";
import { XdsService } from "../../src/transports/xds/service.js";
import { listenXds } from "../../test/transports/xds/xds-server.js";

/** Of answers and of connections: none ends within a measurement. */
const TIMEOUT_MS = 600_000;

const [services = 0, instancesEach = 0] = process.argv.slice(2).map(Number);
const instance = "bench";
const registry = new Registry({ clock: systemClock, instance });
const catalog = new InstanceCatalog({ reader: registry, clock: systemClock });

function report(name: string, state: CheckState): void {
  const results = { reason: "ok", held: false, latencyMs: 1, lastResultAt: 1, since: systemClock.wallTime() };
  registry.report({ name, state, critical: true, counted: true, startup: true, services: [], ...results });
}

const instances = Array.from({ length: services * instancesEach }, (_, index) => ({
  check: `s${Math.floor(index / instancesEach)}/${index}`,
  services: [`s${Math.floor(index / instancesEach)}`],
  host: `10.${index >> 16}.${(index >> 8) & 255}.${index & 255}`,
  ...{ port: 50051, tags: [], meta: {}, weight: 1 },
}));
for (const { check } of instances) report(check, "passing");
catalog.set({ instances, services: [...new Set(instances.flatMap((each) => each.services))], awaited: new Set() });

let state: CheckState = "passing";
process.on("SIGUSR2", () => {
  state = state === "passing" ? "failing" : "passing";
  report("s0/0", state);
});
const { port } = await listenXds(new XdsService({ catalog, clock: systemClock, instance }), TIMEOUT_MS, TIMEOUT_MS);
process.stdout.write(`${port}\n`);
