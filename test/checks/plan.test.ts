/** The plan of a configuration: what is started, changed, replaced and removed, and what is refused. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { type ChecksPlan, type ConfiguredCheck, discardPlan } from "../../src/checks/checks-plan.js";
import type { CheckDeclaration, CheckSource, ChecksConfig } from "../../src/checks/declarations.js";
import { claimCheck, Names } from "../../src/checks/name-rules.js";
import { NOTHING_RUNNING, planConfiguration, type RunningChecks } from "../../src/checks/plan.js";
import { SourceOpener } from "../../src/checks/sources.js";
import { completeSettings } from "../support/complete-settings.js";
import { ScriptedProber } from "./scripted-prober.js";

const opener = new SourceOpener();
const EMPTY: ChecksConfig = { checks: [], services: [], isolation: undefined, allowLinkLocal: false };

const target = (name: string, url: string, options: CheckDeclaration["options"] = {}): CheckDeclaration => ({
  name,
  source: { kind: "target", url },
  options,
});
const heartbeat = (name: string, ttl: string, token = "t"): CheckDeclaration => ({
  name,
  source: { kind: "heartbeat", ttl, token },
  options: {},
});

/** What runs after a configuration was committed. */
function runningAs(config: Partial<ChecksConfig>): RunningChecks {
  const { checks, services, isolation, allowLinkLocal } = { ...EMPTY, ...config };
  const running = new Map<string, ConfiguredCheck>(
    checks.map((declaration) => [declaration.name, { declaration, settings: completeSettings(declaration.name, {}) }]),
  );
  return { checks: running, services, isolation, allowLinkLocal, ownerOf: () => undefined };
}

/** The names in a plan that is not refused. */
function planOf(running: Partial<ChecksConfig>, next: Partial<ChecksConfig>) {
  const { plan, violations } = planConfiguration(runningAs(running), { ...EMPTY, ...next }, opener);
  discardPlan(plan);
  assert.deepEqual(violations, []);
  return namesIn(plan);
}

const namesIn = ({ removed, started, changed, services, isolation }: ChecksPlan) => ({
  removed: [...removed],
  started: started.map(({ declaration }) => declaration.name),
  changed: changed.map(({ declaration }) => declaration.name),
  services: services?.order.map(({ name }) => name),
  isolation: isolation.kind,
});

const NO_CHANGE = { removed: [], started: [], changed: [], services: undefined, isolation: "keep" };

test("checks of Flower are searched once, however many names are those of workers", () => {
  let searches = 0;
  const names = new Names(NOTHING_RUNNING, [], () => {
    searches += 1;
    return [];
  });
  for (let index = 0; index < 100; index += 1) {
    const check = heartbeat(`celery.worker/${index}`, "1m");
    assert.deepEqual(claimCheck(check, names), []);
  }
  assert.equal(searches, 1);
});

describe("a plan", () => {
  const a = target("a", "http://h:1/");

  test("of the same configuration has no change", () => {
    const config = (): Partial<ChecksConfig> => ({
      checks: [target("a", "http://h:1/", { interval: "5s", expect: { status: [200] } }), heartbeat("b", "60s")],
      services: [{ name: "s", policy: { kind: "any" }, members: ["a", "b"] }],
      isolation: { selfCheck: { kind: "target", url: "tcp://h:1" }, maxHold: "30s" },
    });
    assert.deepEqual(planOf(config(), config()), NO_CHANGE);
  });

  const rows: readonly (readonly [
    label: string,
    running: Partial<ChecksConfig>,
    next: Partial<ChecksConfig>,
    change: Partial<ReturnType<typeof namesIn>>,
  ])[] = [
    ["starts a new check", {}, { checks: [a] }, { started: ["a"] }],
    ["removes a check that is not declared any more", { checks: [a] }, {}, { removed: ["a"] }],
    [
      "changes a check with another schedule, threshold or service",
      { checks: [a] },
      { checks: [target("a", "http://h:1/", { interval: "1m", services: ["s"] })] },
      { changed: ["a"] },
    ],
    [
      "changes a check with another limit of latency, which is no matter of its prober",
      { checks: [a] },
      { checks: [target("a", "http://h:1/", { expect: { maxLatency: "1s" } })] },
      { changed: ["a"] },
    ],
    [
      "replaces a check with another target",
      { checks: [a] },
      { checks: [target("a", "http://h:2/")] },
      { removed: ["a"], started: ["a"] },
    ],
    [
      "replaces a check whose answer is expected to be another one",
      { checks: [a] },
      { checks: [target("a", "http://h:1/", { expect: { status: [204] } })] },
      { removed: ["a"], started: ["a"] },
    ],
    [
      "replaces a target with other TLS",
      { checks: [target("a", "https://h/", { tls: { verify: false } })] },
      { checks: [target("a", "https://h/", { tls: { verify: true } })] },
      { removed: ["a"], started: ["a"] },
    ],
    [
      "replaces a heartbeat by a target of the same name",
      { checks: [heartbeat("a", "1m")] },
      { checks: [a] },
      { removed: ["a"], started: ["a"] },
    ],
    [
      "changes a heartbeat with another token",
      { checks: [heartbeat("a", "1m")] },
      { checks: [heartbeat("a", "60s", "other")] },
      { changed: ["a"] },
    ],
    [
      "changes a heartbeat with another ttl, which keeps its state",
      { checks: [heartbeat("a", "1m")] },
      { checks: [heartbeat("a", "2m")] },
      { changed: ["a"] },
    ],
    [
      "replaces targets alone when link-local addresses are allowed",
      { checks: [a, heartbeat("b", "1m")] },
      { checks: [a, heartbeat("b", "1m")], allowLinkLocal: true },
      { removed: ["a"], started: ["a"] },
    ],
    [
      "declares services again when one of them changes, members first",
      { checks: [a], services: [{ name: "s", policy: { kind: "all" }, members: ["a"] }] },
      {
        checks: [a],
        services: [
          { name: "t", policy: { kind: "all" }, members: ["s"] },
          { name: "s", policy: { kind: "all" }, members: ["a"] },
        ],
      },
      { services: ["s", "t"] },
    ],
    [
      "starts the isolation rule",
      {},
      { isolation: { selfCheck: { kind: "target", url: "tcp://h:1" } } },
      { isolation: "start" },
    ],
    [
      "keeps the self-check when only the hold changes",
      { isolation: { selfCheck: { kind: "target", url: "tcp://h:1" }, maxHold: "1m" } },
      { isolation: { selfCheck: { kind: "target", url: "tcp://h:1" }, maxHold: "2m" } },
      { isolation: "change" },
    ],
    [
      "starts the isolation rule again with another self-check",
      { isolation: { selfCheck: { kind: "target", url: "tcp://h:1" } } },
      { isolation: { selfCheck: { kind: "target", url: "tcp://h:2" } } },
      { isolation: "start" },
    ],
    [
      "stops the isolation rule",
      { isolation: { selfCheck: { kind: "target", url: "tcp://h:1" } } },
      {},
      { isolation: "stop" },
    ],
  ];
  for (const [label, running, next, change] of rows)
    test(label, () => assert.deepEqual(planOf(running, next), { ...NO_CHANGE, ...change }));

  test("with violations has all of them, and closes the probers that it opened when it is discarded", () => {
    const prober = new ScriptedProber(() => 0);
    const source: CheckSource = { kind: "prober", prober };
    const config: ChecksConfig = {
      ...EMPTY,
      checks: [
        { name: "good", source, options: {} },
        target("bad", "ftp://h", { timeout: "1h", services: ["good"] }),
        target("readiness", "tcp://h:1"),
      ],
      services: [{ name: "bad", policy: { kind: "quorum", count: 3 }, members: ["good"] }],
    };
    const { plan, violations } = planConfiguration(NOTHING_RUNNING, config, opener);
    assert.deepEqual(
      violations.map(({ code, path }) => `${code} ${path.join(".")}`),
      [
        "INVALID_SERVICE_NAME checks.readiness",
        "DUPLICATE_NAME checks.bad.services.0",
        "INVALID_OPTION checks.bad.timeout",
        "INVALID_TARGET checks.bad.target",
        "DUPLICATE_NAME services.bad",
        "INVALID_OPTION services.bad.policy",
      ],
    );
    assert.equal(prober.closed, false);
    discardPlan(plan);
    assert.equal(prober.closed, true);
  });
});
