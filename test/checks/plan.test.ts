/** The plan of a configuration: what is started, changed, replaced and removed, and what is refused. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { type ChecksPlan, type ConfiguredCheck, discardPlan } from "../../src/checks/checks-plan.js";
import type { CheckDeclaration, CheckSource, ChecksConfig } from "../../src/checks/declarations.js";
import { claimCheck, Names } from "../../src/checks/name-rules.js";
import {
  NOTHING_RUNNING,
  planCheck,
  planConfiguration,
  planInSteps,
  planServices,
  type RunningChecks,
} from "../../src/checks/plan.js";
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

  test("that is ended half-way closes what it has opened, and has opened no more", () => {
    const probers = ["a", "b", "c"].map((name) => ({ name, prober: new ScriptedProber(() => 0) }));
    const checks = probers.map(({ name, prober }) => ({
      name,
      source: { kind: "prober" as const, prober },
      options: {},
    }));
    const steps = planInSteps(NOTHING_RUNNING, { ...EMPTY, checks }, opener);
    // each check has two steps for its names, and one that opens it
    for (let step = 0; step < 2 * checks.length + 2; step += 1) assert.equal(steps.next().done, false);
    assert.ok(probers.every(({ prober }) => !prober.closed));
    Reflect.apply(steps.return, steps, [undefined]);
    assert.deepEqual(
      probers.map(({ prober }) => prober.closed),
      [true, true, false],
    );
  });

  test("with other contents of files changes the prober of a check, and keeps the check", () => {
    const [before, after] = [new ScriptedProber(() => 0), new ScriptedProber(() => 0)];
    const of = (prober: ScriptedProber) => [{ name: "a", source: { kind: "prober" as const, prober }, options: {} }];
    const next = { ...EMPTY, checks: [...of(after), target("b", "tcp://h:1")], keepsStates: true };
    const { plan } = planConfiguration(runningAs({ checks: of(before) }), next, opener);
    assert.deepEqual(namesIn(plan), { ...NO_CHANGE, changed: ["a"], started: ["b"] });
    assert.equal(plan.changed[0]?.prober, after);
    discardPlan(plan);
    assert.deepEqual([before.closed, after.closed], [false, true]);
  });

  test("closes a new self-check when it is discarded", () => {
    const prober = new ScriptedProber(() => 0);
    const isolation = { selfCheck: { kind: "prober" as const, prober } };
    discardPlan(planConfiguration(NOTHING_RUNNING, { ...EMPTY, isolation }, opener).plan);
    assert.equal(prober.closed, true);
  });
});

/** `CODE path: text` of each violation of a configuration. */
function violationsOf(config: Partial<ChecksConfig>): readonly string[] {
  const { plan, violations } = planConfiguration(NOTHING_RUNNING, { ...EMPTY, ...config }, opener);
  discardPlan(plan);
  return violations.map(({ code, path, text }) => `${code} ${path.join(".")}: ${text}`);
}

describe("the violations of a plan", () => {
  test("name every invalid option of a target, each once", () => {
    const options = { method: "A B", headers: { "a b": "x" }, expect: { status: [] }, minWorkers: 4 };
    assert.deepEqual(violationsOf({ checks: [target("a", "http://h/", options)] }).toSorted(), [
      "INVALID_OPTION checks.a.expect.status: must name at least one status",
      "INVALID_OPTION checks.a.headers.a b: is not a valid name of a header",
      'INVALID_OPTION checks.a.method: must be a method of HTTP, such as HEAD; got "A B"',
      "INVALID_OPTION checks.a.minWorkers: is not an option of this scheme; it takes expect, reuse, maxConnectionAge, user, password, headers, method, body, http2, followRedirects, auth",
    ]);
  });

  test("name a target that cannot be read, and then no option that is given with it", () => {
    const [violation, ...others] = violationsOf({ checks: [target("a", "gopher://h/", { minWorkers: 4 })] });
    assert.match(
      violation ?? "",
      /^INVALID_TARGET checks\.a\.target: target "gopher:\/\/h\/": unknown scheme "gopher"/,
    );
    assert.deepEqual(others, []);
  });

  test("name an option that is missing, but not if it is there and invalid", () => {
    const [missing, ...others] = violationsOf({ checks: [target("a", "udp://h:1")] });
    assert.match(missing ?? "", /^INVALID_OPTION checks\.a\.dialogue: is missing/);
    assert.deepEqual(others, []);
    const invalid = violationsOf({ checks: [target("a", "udp://h:1", { dialogue: [{ send: "" }] })] });
    assert.deepEqual(
      invalid.map((text) => text.split(" must ")[0]),
      ["INVALID_OPTION checks.a.dialogue.0.send:"],
    );
  });

  test("name the check where no single option is wrong", () => {
    const tls = { cert: "no PEM", key: "no PEM" };
    assert.deepEqual(violationsOf({ checks: [target("a", "https://h/", { tls })] }), [
      "TLS_FAILED checks.a: the TLS certificate has no certificate in PEM format",
    ]);
    assert.deepEqual(violationsOf({ checks: [target("a", "https://h/", { tls: { cert: "no PEM" } })] }), [
      "INVALID_OPTION checks.a.tls.key: is required beside tls.cert",
    ]);
    const failing = {
      get ca(): string {
        throw new Error("the vault is sealed");
      },
    };
    const [unreadable = ""] = violationsOf({ checks: [target("a", "https://h/", { tls: failing })] });
    assert.match(unreadable, /^INVALID_TARGET checks\.a\.target: cannot be read: the vault is sealed/);
  });

  test("of a check that is no target open nothing", () => {
    const check: CheckDeclaration = {
      name: "a",
      source: { kind: "function", call: () => true },
      options: { interval: "x" },
    };
    const { plan, violations } = planConfiguration(NOTHING_RUNNING, { ...EMPTY, checks: [check] }, opener);
    assert.deepEqual([plan.started, violations.length], [[], 1]);
  });

  test("name what makes the server as a whole where the application has set it by hand", () => {
    const hand = { kind: "hand", of: "", path: [] } as const;
    const running = { ...runningAs({}), ownerOf: (name: string) => (name === "" ? hand : undefined) };
    const check = heartbeat("a", "1m");
    const service = { name: "s", policy: { kind: "all" as const }, members: ["a"] };
    const paths = [
      planConfiguration(running, { ...EMPTY, checks: [check] }, opener),
      planCheck(running, check, opener),
      planServices(running, [service], opener),
      planServices(running, [], opener),
      planConfiguration(running, EMPTY, opener),
    ].map(({ violations }) => violations.map(({ code, path }) => `${code} ${path.join(".")}`));
    assert.deepEqual(paths, [
      ["DUPLICATE_NAME checks"],
      ["DUPLICATE_NAME checks.a"],
      ["DUPLICATE_NAME services"],
      [],
      [],
    ]);
  });

  test("name the settings, the target and the hold of the isolation rule", () => {
    const isolation = {
      selfCheck: { kind: "target" as const, url: "nonsense" },
      settings: { interval: "x" },
      maxHold: "y",
    };
    assert.deepEqual(violationsOf({ isolation }), [
      "INVALID_OPTION isolation.maxHold: must be a duration, such as 60s",
      'INVALID_OPTION isolation.interval: must be a duration above zero, such as 5s, 500ms or 1m; got "x"',
      'INVALID_TARGET isolation.selfCheck: target "nonsense": expected a URL such as http://host:port/path',
    ]);
  });

  test("name a worker's name that is taken beside a check of Flower", () => {
    const running = runningAs({ checks: [target("flower", "flower+http://h:5555")] });
    const worker = "celery.worker/a";
    const taken = [
      ["checks", worker],
      ["services", worker],
    ];
    const planned = [
      planCheck(running, target(worker, "tcp://h:1"), opener),
      planServices(running, [{ name: worker, policy: { kind: "all" }, members: ["flower"] }], opener),
    ];
    assert.deepEqual(
      planned.map(({ violations }) => violations.map(({ code, path, other }) => [code, path, other])),
      taken.map((path) => [["DUPLICATE_NAME", path, ["checks", "flower"]]]),
    );
    for (const { plan } of planned) discardPlan(plan);
    const checks = [heartbeat(worker, "1m"), target("flower", "flower+http://h:5555")];
    assert.equal(violationsOf({ checks }).length, 1);
    assert.deepEqual(planCheck(runningAs({}), heartbeat(worker, "1m"), opener).violations, []);
  });
});
