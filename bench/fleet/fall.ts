/**
 * A third of all targets fails at once: how fast all members tell it, and what the store must write.
 *
 *     Watches of some of the checks, at each member --> the time of each member's first status that is not SERVING
 *     propagation of a check: from the first member that tells it to the last one
 */
import { HealthClient } from "../../src/client/health-client.js";
import { inTime } from "../../test/support/eventually.js";
import { type Figures, quantile } from "../measuring/figures.js";
import type { Daemon, FleetSite } from "./site.js";

/** Checks that are watched at each member. */
const WATCHED = 200;
const TOLD_MS = 120_000;

/** The writes are those of the time until all members have told it. */
export async function measureFall(site: FleetSite, daemons: readonly Daemon[]): Promise<Figures> {
  const { falling } = site;
  const step = Math.max(1, Math.floor(falling.length / WATCHED));
  const watched = falling.filter((_, index) => index % step === 0);
  const clients = daemons.map(({ port }) => new HealthClient(`127.0.0.1:${port}`));
  try {
    const watches = await Promise.all(clients.flatMap((client) => watched.map((check) => watchFall(client, check))));
    const [writes, at] = [await site.writes(), performance.now()];
    await site.fall();
    const told = await inTime(Promise.all(watches.map(({ told }) => told)), "all members tell the fall", TOLD_MS);
    const allToldMs = performance.now() - at;
    const spreads = watched.map((_, index) => {
      const times = told.filter((_, each) => each % watched.length === index);
      return Math.max(...times) - Math.min(...times);
    });
    return {
      fallMs: allToldMs,
      fallWrites: ((await site.writes()) - writes) / (allToldMs / 1_000),
      propagationP50Ms: quantile(spreads, 0.5),
      propagationP99Ms: quantile(spreads, 0.99),
    };
  } finally {
    await Promise.all(clients.map((client) => client.close()));
  }
}

/** Resolves when the Watch has told SERVING. `told` is the time of the first other status. */
async function watchFall(client: HealthClient, check: string): Promise<{ readonly told: Promise<number> }> {
  const updates = client.watch(check);
  const { value } = await updates.next();
  if (value?.status !== "SERVING") throw new Error(`${check} is ${value?.status} before the fall`);
  return { told: updates.next().then(() => performance.now()) };
}
