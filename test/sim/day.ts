/** A simulated day: targets, the engine under test, an oracle for each target, stalls and jumps of the wall clock. */
import { CheckEngine } from "../../src/checks/check-engine.js";
import { Registry } from "../../src/registry/registry.js";
import { type Contract, Oracle, type Stall } from "./oracle.js";
import { SeededRandom } from "./random.js";
import { SimClock } from "./sim-clock.js";
import { SimTarget } from "./target.js";

/** How long, how many, and which. */
export interface DayOptions {
  readonly seed: number;
  readonly targets: number;
  readonly hours: number;
  readonly onHour?: (hour: number) => void;
}

/** What came of it. */
export interface Day {
  readonly faults: readonly string[];
  readonly probes: number;
  readonly deaths: number;
  readonly falls: number;
  readonly stalls: number;
  readonly mostInFlight: number;
}

const HOUR_MS = 3_600_000;
const SAMPLE_MS = 5_000;
const MOST_IN_FLIGHT = 256;

/** The usual settings of a check (design.md). */
const CONTRACT: Contract = {
  intervalMs: 10_000,
  edgeMs: 2_000,
  timeoutMs: 2_000,
  jitter: 0.1,
  fall: 3,
  rise: 2,
  staleAfterMs: 32_000,
};

/** Lives a day. */
export async function simulate({ seed, targets: count, hours, onHour }: DayOptions): Promise<Day> {
  const random = new SeededRandom(seed);
  const clock = new SimClock();
  const registry = new Registry({ clock, instance: `sim-${seed}` });
  const engine = new CheckEngine({ writer: registry, clock, random: random.next });
  const stalls: Stall[] = [];
  const world = { contract: CONTRACT, now: () => clock.now(), stalls };
  const settings = {
    meanWellMs: 4 * HOUR_MS,
    meanDeadMs: 240_000,
    lossShare: 0.001,
    slowShare: 0.02,
    timeoutMs: CONTRACT.timeoutMs,
  };
  const oracles = new Map<string, Oracle>();
  const targets: SimTarget[] = [];
  const counts = { deaths: 0, falls: 0, stalls: 0, inFlight: 0, mostInFlight: 0 };
  for (let index = 0; index < count; index += 1) {
    const target = new SimTarget(`t${index}`, clock, random, settings);
    const oracle = new Oracle(world, target);
    target.onStart = () => {
      counts.inFlight += 1;
      counts.mostInFlight = Math.max(counts.mostInFlight, counts.inFlight);
      oracle.onStart();
    };
    target.onEnd = () => {
      counts.inFlight -= 1;
      const probe = target.probes.findLast(({ endedAt }) => endedAt === clock.now());
      if (probe !== undefined) oracle.onEnd(probe);
    };
    target.onTruth = () => {
      if (!target.well && target.since === clock.now()) counts.deaths += 1;
      oracle.onTruth();
    };
    targets.push(target);
    oracles.set(target.name, oracle);
    engine.add({ name: target.name, prober: target, settings: {} });
  }
  registry.onTransition(({ subject, name, to }) => {
    if (subject !== "service" || name === "") return;
    if (to === "NOT_SERVING") counts.falls += 1;
    oracles.get(name)?.onStatus(to);
  });
  planStalls(clock, random, (stall) => {
    counts.stalls += 1;
    stalls.push(stall);
    if (stalls.length > 12) stalls.shift();
    for (const oracle of oracles.values()) oracle.onStall(stall);
  });
  planWallJumps(clock, random);
  const faults: string[] = [];
  for (let at = SAMPLE_MS; at <= hours * HOUR_MS; at += SAMPLE_MS) {
    await clock.run(at);
    for (const { name } of targets) oracles.get(name)?.sample(registry.read(name)?.status ?? "SERVICE_UNKNOWN");
    if (at % HOUR_MS === 0) onHour?.(at / HOUR_MS);
    for (const oracle of oracles.values()) faults.push(...oracle.faults.splice(0));
    if (faults.length > 20) break;
  }
  engine.stop();
  if (counts.mostInFlight > MOST_IN_FLIGHT) faults.push(`${counts.mostInFlight} probes were in flight at once`);
  return { faults, probes: targets.reduce((sum, { starts }) => sum + starts, 0), ...counts };
}

/**
 * Our own loop stands still now and then: mostly for a second or two, rarely for longer than a result counts, and
 * sometimes again and again, as on a machine that swaps: then every probe of a check meets a stall.
 */
function planStalls(clock: SimClock, random: SeededRandom, onStall: (stall: Stall) => void): void {
  const stand = (ms: number) => {
    const from = clock.now();
    clock.stall(ms);
    onStall({ from, to: clock.now() });
  };
  const storm = (left: number) => {
    stand(random.between(2_100, 5_000));
    if (left > 0) clock.input(clock.now() + random.between(50, 400), () => storm(left - 1));
  };
  clock.input(clock.now() + random.waiting(900_000), () => {
    const kind = random.next();
    if (kind < 0.02) stand(random.between(20_000, 60_000));
    else if (kind < 0.2) storm(5);
    else stand(random.between(100, 5_000));
    planStalls(clock, random, onStall);
  });
}

function planWallJumps(clock: SimClock, random: SeededRandom): void {
  clock.input(clock.now() + random.waiting(HOUR_MS), () => {
    clock.wallOffset += random.between(-HOUR_MS, HOUR_MS);
    planWallJumps(clock, random);
  });
}
