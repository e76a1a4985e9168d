/**
 * A process of `size.proof`: members of a fleet with very many checks, on a real Redis.
 *
 *     node size-member.ts checks NAME PORT COUNT    one member: real checks, with probers that only say what they are told
 *     node size-member.ts votes A,B PORT COUNT      some members without checks: they vote at once, as they are told
 *
 * Commands come as lines on stdin, and answers go as lines of JSON to stdout: `start`, `fall MS`, `turns` (the CPU time of the
 * longest turn of the event loop since the last time, and the time in all that this thread has waited for a processor, in
 * milliseconds), `state`.
 */
import { openSync, readSync } from "node:fs";
import { createInterface } from "node:readline";
import { definitionText } from "../../../src/checks/definition-text.js";
import { readSettings } from "../../../src/checks/read-settings.js";
import type { FleetConfig } from "../../../src/config/validate-fleet.js";
import { systemClock } from "../../../src/core/clock.js";
import { assemble } from "../../../src/daemon/assembly.js";
import { FleetMember } from "../../../src/daemon/fleet.js";
import { Fleet } from "../../../src/fleet/fleet.js";
import type { Decision, Definition } from "../../../src/fleet/records/vote.js";
import { openStore } from "../../../src/fleet/store/open-store.js";
import { parseStoreUrl } from "../../../src/fleet/store/store-url.js";
import { fail, PASS, type Prober } from "../../../src/probers/prober.js";
import type { CheckState } from "../../../src/registry/ports.js";

const [kind = "", names = "", port = "", countText = ""] = process.argv.slice(2);
const COUNT = Number(countText);

/** Long: what is measured are the changes, and not the probes. */
const INTERVAL_MS = 600_000;
const STALE_MS = 3 * INTERVAL_MS;
const FLEET = { name: "size", secret: "a secret of the fleet" };
const TIMES = { beatMs: 1_000, leaseMs: 5_000, settleMs: 2_000 };

const OPTIONS = { interval: INTERVAL_MS, staleAfter: STALE_MS, unhealthyThreshold: 1, jitter: 0 };

const url = parseStoreUrl(`redis://127.0.0.1:${port}`);
const clock = systemClock;
const store = () => openStore(url, { fleet: FLEET.name, deadlineMs: TIMES.leaseMs / 2, clock });
const nameOf = (index: number) => `check-${index}`;

interface SizeMember {
  start(): void;
  /** Makes the checks fail that are probed here, evenly within this time. */
  fall(withinMs: number): Promise<void>;
  readonly isStarted: boolean;
  state(): Readonly<Record<string, number | boolean>>;
}

async function spread(count: number, withinMs: number, each: (index: number) => void): Promise<void> {
  const startedAt = clock.now();
  for (let index = 0; index < count; ) {
    const due = Math.min(count, Math.ceil(((clock.now() - startedAt) / withinMs) * count));
    // in small parts: the turns of this loop are no part of the measurement
    for (let part = 0; index < due && part < 100; part += 1, index += 1) each(index);
    await new Promise((resolve) => (index < due ? setImmediate(resolve) : setTimeout(resolve, 5)));
  }
}

async function withChecks(name: string): Promise<SizeMember> {
  const parts = assemble({ instance: name });
  let isFailing = false;
  const wakes: (() => void)[] = [];
  const prober = (): Prober => ({
    probe: async () => (isFailing ? fail("refused", "it falls") : PASS),
    onChange: (wake) => void wakes.push(wake),
    close: () => {},
  });
  const sharing = new Map(
    Array.from({ length: COUNT }, (_, index) => [nameOf(index), { scope: "shared", copies: 2, agree: 2 }] as const),
  );
  const config: FleetConfig = {
    ...{ ...FLEET, store: url, tls: undefined, member: name, zone: undefined, ...TIMES },
    ...{ capacity: 4_000, whenStoreIsGone: "auto", sharing },
  };
  const log = { write: () => {}, close: () => {} };
  const random = Math.random;
  const states = { passing: 0, failing: 0, warning: 0, pending: COUNT };
  parts.registry.onTransition(({ subject, from, to }) => {
    if (subject !== "check") return;
    states[from as CheckState] -= 1; // of a check
    states[to as CheckState] += 1;
  });
  const member = await FleetMember.open(config, 0, { parts, log, clock, random, openStore: store });
  await parts.checks.configureInTurns({
    checks: Array.from({ length: COUNT }, (_, index) => ({
      name: nameOf(index),
      source: { kind: "prober", prober: prober() } as const,
      options: OPTIONS,
    })),
    services: [],
    ...{ isolation: undefined, allowLinkLocal: false },
  });
  return {
    start: () => member.start(),
    get isStarted() {
      return parts.registry.read("startup")?.status === "SERVING";
    },
    fall: (withinMs) => {
      isFailing = true;
      return spread(wakes.length, withinMs, (index) => wakes[index]?.());
    },
    state: () => states,
  };
}

async function withVotes(name: string): Promise<SizeMember> {
  const table = new Map<string, Decision>();
  const probed = new Set<string>();
  const fleet: Fleet = new Fleet({
    ...{ clock, random: Math.random, store: await store(), onEvent: () => {} },
    settings: {
      ...{ ...TIMES, fleet: FLEET.name, secret: FLEET.secret, instance: name, member: name, zone: undefined },
      ...{ capacity: 4_000, whenStoreIsGone: "auto", leaveMs: 15_000, version: "1.0.0" },
    },
    checks: {
      probe: (check) => {
        probed.add(check);
        setImmediate(() => fleet.vote(check, PASSING, clock.now() + STALE_MS));
      },
      rest: (check) => void probed.delete(check),
      batch: (decisions) => decisions(),
      decide: (check, decision) => void table.set(check, decision),
      isScheduling: () => true,
      isLate: false,
      stalest: () => 0.1,
    },
  });
  return {
    isStarted: true,
    start: () => {
      const source = { kind: "prober", prober: { probe: async () => PASS, close: () => {} } } as const;
      const { settings } = readSettings(OPTIONS);
      const digest = fleet.digestOf(definitionText({ name: "one", source, options: OPTIONS }, settings));
      fleet.define(Array.from({ length: COUNT }, (_, index) => definition(index, digest)));
      fleet.start();
    },
    fall: (withinMs) => {
      const all = [...probed];
      return spread(all.length, withinMs, (index) => fleet.vote(all[index] ?? "", FAILING, clock.now() + STALE_MS));
    },
    state: () => {
      const states = { passing: 0, failing: 0, pending: 0, warning: 0 };
      for (const { state } of table.values()) states[state] += 1;
      return { ...states, probed: probed.size };
    },
  };
}

const PASSING = { state: "passing", reason: undefined } as const;
const FAILING = { state: "failing", reason: "refused" } as const;

/** @param digest that of the checks of the other process */
function definition(index: number, digest: string): Definition {
  return {
    ...{ check: nameOf(index), digest, scope: "shared", copies: 2, agree: 2 },
    ...{ staleAfterMs: STALE_MS, isHeartbeat: false, rate: 1_000 / INTERVAL_MS },
  };
}

/** The CPU time of this thread: wall time would include the time of other processes. */
const schedule = openSync("/proc/thread-self/schedstat", "r");
const bytes = Buffer.alloc(100);
const scheduleMs = (field: 0 | 1) =>
  Number(bytes.toString("latin1", 0, readSync(schedule, bytes, 0, 100, 0)).split(" ")[field]) / 1e6;
const cpuMs = () => scheduleMs(0);
let [last, longest] = [cpuMs(), 0];
const measure = () => {
  const now = cpuMs();
  longest = Math.max(longest, now - last);
  last = now;
  setTimeout(measure, 1);
};

const say = (answer: object) => process.stdout.write(`${JSON.stringify(answer)}\n`);
const make = kind === "checks" ? withChecks : withVotes;
measure();
const members = await Promise.all(names.split(",").map(make));
say({ ready: true });
for await (const line of createInterface({ input: process.stdin })) {
  const [command, value] = line.split(" ");
  if (command === "start") for (const member of members) member.start();
  if (command === "fall")
    void Promise.all(members.map((member) => member.fall(Number(value)))).then(() => say({ fallen: true }));
  if (command === "turns") {
    say({ longestMs: longest, waitedMs: scheduleMs(1), cpuMs: cpuMs() });
    longest = 0;
  }
  if (command === "exit") process.exit(0);
  if (command === "started") say({ started: members.every((member) => member.isStarted) });
  if (command === "state") say({ members: members.map((member) => member.state()) });
}
