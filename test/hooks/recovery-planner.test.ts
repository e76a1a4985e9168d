import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { type RecoveryDecision, RecoveryPlanner, type SeenService } from "../../src/hooks/recovery-planner.js";
import { type RecoveryRule, RecoveryRules } from "../../src/hooks/recovery-rules.js";

const MINUTE = 60_000;

const RULE: RecoveryRule = {
  name: "restart",
  command: ["/bin/true"],
  services: ["*"],
  afterMs: 30_000,
  timeoutMs: MINUTE,
  cooldownMs: 5 * MINUTE,
  maxRuns: 3,
  windowMs: 60 * MINUTE,
  maxShare: 0.25,
  maxFailing: 0.5,
};

const SERVICE: SeenService = {
  name: "s",
  status: "SERVING",
  reason: undefined,
  since: 0,
  failedAt: undefined,
  isOperated: false,
};

const healthy = (name = "s"): SeenService => ({ ...SERVICE, name });
const failing = (name = "s", failedAt = 0): SeenService => ({
  ...SERVICE,
  ...{ name, status: "NOT_SERVING", reason: "refused", failedAt },
});
const fleet = (size: number) => Array.from({ length: size }, (_, index) => `s${index}`);

/** A planner with the time of a test. The results of failing services are as new as the view, unless they say another time. */
class Bench {
  readonly rules: RecoveryRules;
  readonly planner: RecoveryPlanner;
  now = 0;
  trustedSince: number | undefined = 0;

  constructor(rule: Partial<RecoveryRule> = {}) {
    this.rules = new RecoveryRules([{ ...RULE, ...rule }]);
    this.planner = new RecoveryPlanner(this.rules);
  }

  /** What is decided after some time, as text. */
  after(ms: number, ...services: readonly SeenService[]): readonly string[] {
    this.now += ms;
    const { now, trustedSince } = this;
    const seen = services.map((service) => (service.failedAt === 0 ? { ...service, failedAt: now } : service));
    return this.planner.plan({ now, trustedSince, services: seen }).map(textOf);
  }

  end(...services: readonly string[]): void {
    for (const service of services) this.planner.ended(service, this.now);
  }
}

function textOf(decision: RecoveryDecision): string {
  switch (decision.kind) {
    case "start":
      return `start ${decision.service.name} ${decision.attempt}`;
    case "refuse":
      return `refuse ${decision.service} ${decision.cause}`;
    case "give-up":
    case "resume":
    case "forget":
      return `${decision.kind} ${decision.service}`;
    default:
      return decision satisfies never;
  }
}

test("a program is run when a service has failed for `after` without a break", () => {
  const bench = new Bench();
  assert.deepEqual(bench.after(0, failing()), []);
  assert.deepEqual(bench.after(29_000, failing()), []);
  assert.deepEqual(bench.after(500, healthy()), ["forget s"]);
  assert.deepEqual(bench.after(500, failing()), []);
  assert.deepEqual(bench.after(29_999, failing()), []);
  assert.deepEqual(bench.after(1, failing()), ["start s 1"]);
});

test("with `after: 0s` a program is run at the first failing result", () => {
  assert.deepEqual(new Bench({ afterMs: 0 }).after(0, failing()), ["start s 1"]);
});

describe("no program is run for a service", () => {
  const states: Readonly<Record<string, Partial<SeenService>>> = {
    "that is UNKNOWN": { status: "UNKNOWN", reason: "stale" },
    "that is NOT_SERVING without a failing result, such as during a drain": { failedAt: undefined, reason: "draining" },
    "that an operator has drained or put into maintenance": { isOperated: true },
    "whose last failing result is older than the trust in this prober": { failedAt: -1 },
  };
  for (const [label, state] of Object.entries(states))
    test(label, () => {
      const bench = new Bench({ afterMs: 0 });
      for (let times = 0; times < 5; times += 1)
        assert.deepEqual(bench.after(MINUTE, { ...failing(), ...state }), [], label);
    });
});

test("nothing is run while this prober is isolated, and `after` starts again when that is over", () => {
  const bench = new Bench();
  bench.after(0, failing());
  bench.trustedSince = undefined;
  assert.deepEqual(bench.after(MINUTE, failing()), ["refuse s isolated"]);
  assert.deepEqual(bench.after(MINUTE, failing()), [], "said once");
  bench.trustedSince = bench.now;
  assert.deepEqual(bench.after(29_999, failing()), []);
  assert.deepEqual(bench.after(1, failing()), ["start s 1"]);
});

test("a stall starts `after` again, and a result of before it is no evidence", () => {
  const bench = new Bench({ afterMs: 1_000 });
  bench.after(0, failing());
  bench.trustedSince = 900;
  assert.deepEqual(bench.after(1_000, failing("s", 800)), []);
  assert.deepEqual(bench.after(1_000, failing("s", 800)), []);
  assert.deepEqual(bench.after(0, failing("s", 950)), ["start s 1"]);
});

test("a run needs a failing result that is newer than the end of the last run, and the cool-down counts from that end", () => {
  const bench = new Bench({ afterMs: 0, cooldownMs: 1_000 });
  assert.deepEqual(bench.after(0, failing()), ["start s 1"]);
  assert.deepEqual(bench.after(MINUTE, failing()), [], "it runs");
  bench.end("s");
  assert.deepEqual(bench.after(999, failing()), [], "cool-down");
  assert.deepEqual(bench.after(1, failing("s", bench.now - 999)), [], "no newer result");
  assert.deepEqual(bench.after(1, failing()), ["start s 2"]);
});

test("after `maxRuns` within `window` the rule gives up, says so once, and counts no further", () => {
  const bench = new Bench({ afterMs: 0 });
  for (const attempt of [1, 2, 3]) {
    assert.deepEqual(bench.after(5 * MINUTE, failing()), [`start s ${attempt}`]);
    bench.end("s");
  }
  assert.deepEqual(bench.after(5 * MINUTE, failing()), ["give-up s"]);
  for (let hours = 0; hours < 48; hours += 1) assert.deepEqual(bench.after(60 * MINUTE, failing()), []);
});

test("a service is not given up while this prober is isolated, or while the cause is elsewhere", () => {
  const bench = new Bench({ afterMs: 0, maxRuns: 1, cooldownMs: 0 });
  bench.after(0, failing(), healthy("b"), healthy("c"));
  bench.end("s");
  bench.trustedSince = undefined;
  assert.deepEqual(bench.after(1_000, failing(), healthy("b"), healthy("c")), ["refuse s isolated"]);
  bench.trustedSince = 0;
  const group = bench.after(1_000, failing(), failing("b"), healthy("c"));
  assert.deepEqual(group, ["refuse b group", "refuse s group"]);
  assert.deepEqual(bench.after(1_000, failing(), healthy("b"), healthy("c")), ["give-up s", "forget b"]);
});

describe("a service that was given up is recovered again", () => {
  const givenUp = () => {
    const bench = new Bench({ afterMs: 0 });
    for (let run = 0; run < 3; run += 1) {
      bench.after(5 * MINUTE, failing());
      bench.end("s");
    }
    assert.deepEqual(bench.after(5 * MINUTE, failing()), ["give-up s"]);
    return bench;
  };

  test("when it has been SERVING for `window`", () => {
    const bench = givenUp();
    assert.deepEqual(bench.after(MINUTE, healthy()), []);
    assert.deepEqual(bench.after(59 * MINUTE, healthy()), []);
    assert.deepEqual(bench.after(1, failing()), [], "not without a break");
    bench.after(1, healthy());
    assert.deepEqual(bench.after(60 * MINUTE, healthy()), ["resume s", "forget s"]);
    assert.deepEqual(bench.after(1, failing()), ["start s 1"]);
  });

  test("when an operator drains it or puts it into maintenance; its runs still count", () => {
    const bench = givenUp();
    assert.deepEqual(bench.after(1_000, { ...failing(), isOperated: true }), ["resume s"]);
    assert.deepEqual(bench.after(1_000, failing()), ["give-up s"], "3 runs within the hour");
    bench.after(60 * MINUTE, { ...failing(), isOperated: true });
    assert.deepEqual(bench.after(1_000, failing()), ["start s 1"]);
  });

  test("when its rule is changed, and not by a reload that does not change it", () => {
    const bench = givenUp();
    bench.rules.replace([{ ...RULE, afterMs: 0 }]);
    assert.deepEqual(bench.after(1_000, failing()), []);
    bench.rules.replace([{ ...RULE, afterMs: 0, maxRuns: 4 }]);
    assert.deepEqual(bench.after(1_000, failing()), ["resume s", "start s 4"]);
  });
});

test("at most `maxShare` of the services of a rule are under recovery, and at least one can be", () => {
  const bench = new Bench({ afterMs: 0, maxFailing: 1 });
  const [first = "", second = "", third = "", ...others] = fleet(8);
  const rest = others.map(healthy);
  const three = [failing(first), failing(second), failing(third)];
  assert.deepEqual(bench.after(0, ...three, ...rest), ["start s0 1", "start s1 1", "refuse s2 share"]);
  bench.end(first, second);
  assert.deepEqual(bench.after(1_000, ...three, ...rest), [], "a run that has not helped counts for its cool-down");
  assert.deepEqual(bench.after(1_000, healthy(first), failing(second), failing(third), ...rest), ["start s2 1"]);
  assert.deepEqual(new Bench({ afterMs: 0, maxShare: 0.01 }).after(0, failing("a"), healthy("b")), ["start a 1"]);
});

test("if more than `maxFailing` of the services of a rule fail, nothing is run: the cause is elsewhere", () => {
  const bench = new Bench({ afterMs: 0, maxShare: 1 });
  const [one, two, three, four] = ["a", "b", "c", "d"] as const;
  const refused = bench.after(0, failing(one), failing(two), failing(three), healthy(four));
  assert.deepEqual(refused, ["refuse a group", "refuse b group", "refuse c group"]);
  assert.deepEqual(bench.after(1_000, failing(one), failing(two), healthy(three), healthy(four)), [
    "start a 1",
    "start b 1",
    "forget c",
  ]);
  const operated = { ...failing(three), isOperated: true };
  const other = new Bench({ afterMs: 0 });
  assert.deepEqual(other.after(0, failing(one), operated, { ...operated, name: four }, healthy(two)), ["start a 1"]);
});

test("a service with fewer runs comes first: one that never recovers does not keep the others waiting", () => {
  const bench = new Bench({ afterMs: 0, maxFailing: 1, maxShare: 0.5, cooldownMs: MINUTE });
  assert.deepEqual(bench.after(0, failing("a"), failing("b")), ["start a 1", "refuse b share"]);
  bench.end("a");
  assert.deepEqual(bench.after(MINUTE, failing("a"), failing("b")), ["start b 1", "refuse a share"]);
});

test("at most eight programs run at the same time, over all rules", () => {
  const bench = new Bench({ afterMs: 0, maxFailing: 1, maxShare: 1 });
  const decisions = bench.after(0, ...fleet(9).map((name) => failing(name)));
  assert.equal(decisions.filter((text) => text.startsWith("start")).length, 8);
  assert.deepEqual(decisions.at(-1), "refuse s8 busy");
});

test("the first rule that matches a service is its rule; the server as a whole has none", () => {
  const rules = new RecoveryRules([
    { ...RULE, name: "one", services: ["celery.worker/*", "a.b"] },
    { ...RULE, name: "two", services: ["*"] },
  ]);
  assert.equal(rules.of("celery.worker/celery@a")?.name, "one");
  assert.equal(rules.of("a.b")?.name, "one");
  assert.equal(rules.of("axb")?.name, "two", "a dot is a dot");
  assert.equal(rules.of(""), undefined);
  assert.equal(new RecoveryRules([{ ...RULE, services: ["a*b*c"] }]).of(`a${"b".repeat(200)}`), undefined);
});

test("runs of an earlier process count, and so does the cool-down of one that may still run", () => {
  const bench = new Bench({ afterMs: 0 });
  bench.now = 10 * MINUTE;
  bench.planner.restore("s", { runs: [0, MINUTE], endedAt: 12 * MINUTE, hasGivenUp: false });
  assert.deepEqual(bench.after(0, failing()), []);
  assert.deepEqual(bench.after(7 * MINUTE - 1, failing()), []);
  assert.deepEqual(bench.after(1, failing()), ["start s 3"]);
  const other = new Bench({ afterMs: 0 });
  other.planner.restore("s", { runs: [-MINUTE], endedAt: -MINUTE, hasGivenUp: true });
  assert.deepEqual(other.after(10 * MINUTE, failing()), []);
});

test("a service that is gone is forgotten when its runs limit nothing any more", () => {
  const bench = new Bench({ afterMs: 0 });
  bench.after(0, failing());
  bench.end("s");
  assert.deepEqual(bench.after(59 * MINUTE), []);
  assert.deepEqual(bench.after(MINUTE), ["forget s"]);
  assert.ok(bench.planner.isIdle);
});

test("the time during which a service is gone does not count for `after`", () => {
  const bench = new Bench({ cooldownMs: 0 });
  bench.after(0, failing());
  bench.after(30_000, failing());
  bench.end("s");
  bench.after(MINUTE);
  assert.deepEqual(bench.after(0, failing()), []);
  assert.deepEqual(bench.after(30_000, failing()), ["start s 2"]);
});

/** One step of a random sequence: time, the statuses of the services, what ends, and whether this prober is trusted. */
const STEP = fc.record({
  ms: fc.integer({ min: 0, max: 4 * MINUTE }),
  states: fc.array(fc.constantFrom("healthy", "failing", "failing", "unknown", "draining", "maintenance", "old"), {
    minLength: 5,
    maxLength: 5,
  }),
  ends: fc.array(fc.boolean(), { minLength: 5, maxLength: 5 }),
  prober: fc.constantFrom("fine", "fine", "fine", "isolated", "stalled"),
});

test("in any sequence, no limit is exceeded, and nothing is run in a state that forbids it", () => {
  const names = fleet(5);
  const sequences = fc.array(STEP, { minLength: 1, maxLength: 80 });
  const limits = fc.record({
    afterMs: fc.constantFrom(0, 30_000, 3 * MINUTE),
    cooldownMs: fc.constantFrom(0, MINUTE, 5 * MINUTE),
    maxRuns: fc.integer({ min: 1, max: 4 }),
    windowMs: fc.constantFrom(10 * MINUTE, 60 * MINUTE),
    maxShare: fc.constantFrom(0.1, 0.4, 1),
    maxFailing: fc.constantFrom(0.2, 0.5, 1),
  });
  let started = 0;
  fc.assert(
    fc.property(limits, sequences, (limit, steps) => {
      const rule = { ...RULE, ...limit };
      const planner = new RecoveryPlanner(new RecoveryRules([rule]));
      const running = new Set<string>();
      const starts = new Map<string, number[]>();
      const ends = new Map<string, number>();
      const failingSince = new Map<string, number>();
      let [now, trustedSince] = [0, 0];
      for (const { ms, states, ends: ending, prober } of steps) {
        now += ms;
        if (prober !== "fine") trustedSince = now;
        for (const [index, name] of names.entries())
          if (ending[index] && running.delete(name)) {
            planner.ended(name, now);
            ends.set(name, now);
          }
        const services = names.map((name, index) => seenAs(states[index] ?? "healthy", name, now));
        for (const [index, name] of names.entries()) {
          if (!["failing", "old"].includes(states[index] ?? "")) failingSince.delete(name);
          else if (!failingSince.has(name)) failingSince.set(name, now);
        }
        const trusted = prober === "isolated" ? undefined : trustedSince;
        const unhealthy = services.filter(({ status }) => status === "NOT_SERVING");
        const touched = new Set(
          services
            .filter(({ name, status }) => status !== "SERVING" && now - (ends.get(name) ?? -1e12) < rule.cooldownMs)
            .map(({ name }) => name)
            .concat(...running),
        );
        for (const decision of planner.plan({ now, trustedSince: trusted, services })) {
          if (decision.kind !== "start") continue;
          started += 1;
          const { name, status, failedAt = -1 } = decision.service;
          const times = [...(starts.get(name) ?? []), now];
          starts.set(name, times);
          touched.add(name);
          assert.notEqual(trusted, undefined, "not while isolated");
          assert.ok(status === "NOT_SERVING" && failedAt >= trustedSince && failedAt > (ends.get(name) ?? -1));
          assert.equal(states[names.indexOf(name)], "failing");
          assert.ok(now - (failingSince.get(name) ?? now) >= rule.afterMs, "it has lasted `after`");
          assert.ok(now - trustedSince >= rule.afterMs, "counted from the trust in this prober");
          assert.ok(!running.has(name), "one program for a service");
          assert.ok(now - (ends.get(name) ?? -1e12) >= rule.cooldownMs, "the cool-down is over");
          assert.ok(times.filter((at) => now - at < rule.windowMs).length <= rule.maxRuns, "never more than maxRuns");
          assert.ok(touched.size <= Math.max(1, Math.floor(rule.maxShare * 5 + 1e-9)), "never above the share");
          const counted = services.filter(({ isOperated }) => !isOperated).length;
          const failed = unhealthy.filter(({ isOperated }) => !isOperated).length;
          assert.ok(failed <= Math.max(1, Math.floor(rule.maxFailing * counted + 1e-9)), "not when most fail");
          running.add(name);
        }
      }
    }),
    { numRuns: 1_500 },
  );
  assert.ok(started > 1_000, `programs were started: ${started}`);
});

function seenAs(state: string, name: string, now: number): SeenService {
  switch (state) {
    case "failing":
      return { ...failing(name), failedAt: now };
    case "old":
      return failing(name, -10);
    case "unknown":
      return { ...SERVICE, name, status: "UNKNOWN" };
    case "draining":
      return { ...failing(name), failedAt: undefined };
    case "maintenance":
      return { ...failing(name), failedAt: now, isOperated: true };
    default:
      return healthy(name);
  }
}

test("in any sequence, a single service that fails afterwards is tried, unless its runs of the last window forbid it", () => {
  const names = fleet(5);
  fc.assert(
    fc.property(fc.array(STEP, { maxLength: 40 }), fc.integer({ min: 0, max: 4 }), (steps, chosen) => {
      const rule = { ...RULE, maxRuns: 2 };
      const planner = new RecoveryPlanner(new RecoveryRules([rule]));
      const running = new Set<string>();
      let now = 0;
      const plan = (services: readonly SeenService[]) => {
        const decisions = planner.plan({ now, trustedSince: 0, services });
        for (const decision of decisions) if (decision.kind === "start") running.add(decision.service.name);
        return decisions;
      };
      for (const { ms, states } of steps) {
        now += ms;
        plan(names.map((name, index) => seenAs(states[index] ?? "healthy", name, now)));
      }
      for (const name of running) planner.ended(name, now);
      // all recover and stay so for the window, then one fails
      for (const ms of [1, rule.windowMs]) {
        now += ms;
        plan(names.map(healthy));
      }
      let isStarted = false;
      for (const ms of [1, rule.afterMs]) {
        now += ms;
        const services = names.map((name, index) => seenAs(index === chosen ? "failing" : "healthy", name, now));
        isStarted = plan(services).some(({ kind }) => kind === "start");
      }
      assert.ok(isStarted);
    }),
    { numRuns: 500 },
  );
});

test("a report says for each service where it is on its way to the next run", () => {
  const bench = new Bench({ cooldownMs: MINUTE, maxRuns: 2 });
  const shown = () =>
    bench.planner.reports(bench.now).map(({ service, state, cause, runs, cooledDownAt }) => {
      const left = state === "cooling-down" ? ` ${cooledDownAt - bench.now}` : "";
      return `${service} ${state}${cause === undefined ? "" : ` ${cause}`} ${runs}${left}`;
    });
  const steps: [ms: number, service: SeenService, shown: string][] = [
    [0, failing(), "s waiting 0"],
    [30_000, failing(), "s running 1"],
    [10_000, healthy(), "s idle 1"],
    [20_000, failing(), "s cooling-down 1 30000"],
    [40_000, failing(), "s running 2"],
    [MINUTE, failing(), "s given-up 2"],
  ];
  assert.deepEqual(shown(), []);
  for (const [ms, service, text] of steps) {
    bench.after(ms, service);
    assert.deepEqual(shown(), [text]);
    if (text.includes("running")) bench.end("s");
  }
  bench.after(60 * MINUTE, healthy());
  bench.after(60 * MINUTE, healthy());
  assert.deepEqual(shown(), [], "forgotten");
  bench.trustedSince = undefined;
  bench.after(0, failing());
  bench.after(MINUTE, failing());
  assert.deepEqual(shown(), ["s refused isolated 0"]);
});
