/** One run of a simulated fleet: from its start, through faults, to a quiet end. */
import { SeededRandom } from "../../support/seeded-random.js";
import { Chaos, FAULTS } from "./chaos.js";
import type { CheckOptions, Totals } from "./facts.js";
import { heartbeatOptions, planTtls, startJobs } from "./heartbeats/jobs.js";
import { FleetWorld } from "./world.js";

export interface RunOptions {
  readonly seed: number;
  /** At most. */
  readonly members: number;
  readonly checks: number;
  readonly seconds: number;
  /** Default: none. */
  readonly heartbeats?: number | undefined;
}

export interface FleetRun {
  readonly seed: number;
  readonly faults: readonly string[];
  readonly totals: Totals;
  readonly struck: Readonly<Record<string, number>>;
  readonly events: number;
}

/** The fleet finds itself in this time. */
const START_MS = 30_000;

const UPGRADES = 1_000_000;

const RELOADS = 2_000_000;

const FLAPS = 3_000_000;

const REFUSALS = 5_000_000;

const HEARTBEATS = 4_000_000;

/** Faults are over, and the fleet has settled. */
const QUIET_MS = 90_000;

export async function simulateFleet({ seed, members, checks, seconds, ...options }: RunOptions): Promise<FleetRun> {
  const random = new SeededRandom(seed);
  const isVaried = random.next() < 0.3;
  const hasZones = random.next() < 0.5;
  const probesAll = random.next() < 0.7;
  const list = Array.from({ length: checks }, (_, index) => checkOf(index, random, isVaried));
  // a generator of its own: the other fleets are what they were
  const jobs = new SeededRandom(seed + HEARTBEATS);

  const world = new FleetWorld(list, seed, heartbeatOptions(options.heartbeats ?? 0, jobs));
  world.heartbeats.hasState = jobs.next() < 0.3;
  const rate = list.reduce((sum, { intervalMs }) => sum + 1_000 / intervalMs, 0);
  const chaos = new Chaos(world, {
    ...{ maxMembers: members, meanMs: random.pick([4_000, 15_000, 40_000]), meanTurnMs: random.pick([300, 3_000]) },
    kinds: FAULTS.filter(() => random.next() < 0.7),
    memberOptions: (name, format) => ({
      ...{ name, format, zone: hasZones ? `zone-${Number(name.slice(1)) % 3}` : undefined, probesAll },
      variant: isVaried && world.random.next() < 0.4 ? 1 : 0,
      capacity: probesAll ? 4_000 + rate : Math.max(1, rate / 4),
    }),
  });
  const first = Math.max(1, Math.round(members * random.between(0.5, 1)));
  for (let index = 0; index < first; index += 1) world.at(random.between(0, 3_000), undefined, () => void chaos.join());
  const until = START_MS + seconds * 1_000;
  await runTo(world, START_MS);
  chaos.plan(until);
  chaos.planTurns(until);
  if (new SeededRandom(seed + UPGRADES).next() < 0.2) chaos.planUpgrade(until);
  const reloads = new SeededRandom(seed + RELOADS);
  if (isVaried && reloads.next() < 0.7) chaos.planReloads(until, reloads);
  const flaps = new SeededRandom(seed + FLAPS);
  if (flaps.next() < 0.2) chaos.planFlaps(until, flaps);
  const refusals = new SeededRandom(seed + REFUSALS);
  if (refusals.next() < 0.2) chaos.planRefusals(until, refusals);
  const count = (kind: string) => void chaos.counts.set(kind, (chaos.counts.get(kind) ?? 0) + 1);
  startJobs(world, { random: jobs, until, count });
  if (world.heartbeats.all.length > 0 && jobs.next() < 0.6) planTtls(world, { random: jobs, until, count });
  await runTo(world, until + QUIET_MS);
  world.oracle.onEnd(world.store.counts, chaos.losses);
  return {
    ...{ seed, faults: [...world.oracle.faults, ...world.heartbeats.oracle.faults], totals: world.facts.totals },
    ...{ struck: Object.fromEntries(chaos.counts), events: world.events },
  };
}

/** Everything that is served is judged each half second; of many checks, more seldom. */
async function runTo(world: FleetWorld, until: number): Promise<void> {
  const stepMs = world.facts.checks.length > 10_000 ? 5_000 : 500;
  while (world.now < until) {
    await world.run(Math.min(until, world.now + stepMs));
    world.sweep();
  }
}

function checkOf(index: number, random: SeededRandom, isVaried: boolean): CheckOptions {
  const picked = random.pick<CheckOptions["scope"]>([
    "shared",
    "shared",
    "shared",
    "shared",
    "shared",
    "each",
    "local",
  ]);
  const scope = picked === "each" && index % 20 !== 0 ? "shared" : picked;
  const copies = random.pick([1, 2, 2, 2, 3]);
  return {
    ...{ name: `check-${index}`, index, copies, intervalMs: random.pick([10_000, 15_000, 30_000]) },
    scope,
    agree: scope === "each" ? "majority" : random.next() < 0.8 ? Math.floor(copies / 2) + 1 : copies,
    isVaried: isVaried && random.next() < 0.3,
  };
}
