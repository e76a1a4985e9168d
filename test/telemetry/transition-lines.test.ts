/** Which transitions are logged at which level, and the summary of a start. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { TransitionLines } from "../../src/telemetry/transition-lines.js";

type Change = readonly [
  subject: "service" | "check",
  name: string,
  from: string,
  to: string,
  reason?: string | undefined,
];

const declared = (name: string): Change => ["service", name, "SERVICE_UNKNOWN", "UNKNOWN", "pending"];
const result = (name: string, state: string): readonly Change[] => [
  ["check", name, "pending", state, state === "failing" ? "refused" : undefined],
  ["service", name, "UNKNOWN", state === "failing" ? "NOT_SERVING" : "SERVING"],
];
const START: readonly Change[] = [
  ["service", "startup", "SERVING", "UNKNOWN", "starting"],
  ["service", "", "SERVING", "UNKNOWN", "pending"],
];
const STARTED: Change = ["service", "startup", "UNKNOWN", "SERVING"];

/** The lines above debug. */
function linesOf(changes: readonly Change[]): readonly string[] {
  const lines: string[] = [];
  const log = new TransitionLines((level, _, message) => {
    if (level !== "debug") lines.push(`${level} ${message}`);
  });
  for (const [subject, name, from, to, reason] of changes)
    log.add({ sequence: 1, at: 0, subject, name, from, to, degraded: false, reason, detail: undefined });
  return lines;
}

const NAMES = Array.from({ length: 12 }, (_, index) => `c${index}`);

describe("the lines of a start", () => {
  test("are one summary where all checks pass", () => {
    const changes = [...NAMES.map(declared), ...START, ...NAMES.flatMap((name) => result(name, "passing")), STARTED];
    assert.deepEqual(linesOf(changes), ["info all 12 checks have a first result: 12 passing, 0 failing"]);
  });

  test("are one for each failing check and the summary, which names them and comes last", () => {
    const states = ["failing", "passing", "warning"];
    const changes = [
      ...["a", "b", "c"].map(declared),
      ...START,
      ...["a", "b", "c"].flatMap((name, index) => result(name, states[index] ?? "")),
      ["service", "", "UNKNOWN", "NOT_SERVING", "refused"] as const,
      STARTED,
    ];
    assert.deepEqual(linesOf(changes), [
      'warn check "a": pending -> failing (refused)',
      "warn all 3 checks have a first result: 1 passing, 1 warning, 1 failing (a)",
    ]);
  });

  test("name at most ten failing checks in the summary", () => {
    const changes = [...NAMES.map(declared), ...START, ...NAMES.flatMap((name) => result(name, "failing")), STARTED];
    const lines = linesOf(changes);
    assert.equal(lines.length, 13);
    assert.match(lines.at(-1) ?? "", /0 passing, 12 failing \(c0, .*c9 and 2 more\)$/);
  });

  test("say it of one check in the singular, and nothing without checks", () => {
    const one = [declared("a"), ...START, ...result("a", "passing"), STARTED];
    assert.deepEqual(linesOf(one), ["info the check has a first result: 1 passing, 0 failing"]);
    assert.deepEqual(linesOf([STARTED]), ['info service "startup": UNKNOWN -> SERVING']);
  });

  test("are silent about a service that is drained before its first result", () => {
    assert.deepEqual(linesOf([declared("a"), ...START, ["service", "a", "UNKNOWN", "NOT_SERVING", "draining"]]), []);
  });
});

describe("after the start", () => {
  const overall: Change = ["service", "", "UNKNOWN", "SERVING"];
  const started = [declared("a"), ...START, ...result("a", "passing"), overall, STARTED];
  const after = (...changes: readonly Change[]) => linesOf([...started, ...changes]).slice(1);

  for (const [what, change, line] of [
    ["a failure", ["service", "a", "SERVING", "NOT_SERVING", "timeout"], "warn"],
    ["a recovery", ["service", "a", "NOT_SERVING", "SERVING"], "info"],
    ["a status that is too old", ["service", "a", "SERVING", "UNKNOWN", "stale"], "info"],
    ["overall that waits for a new check", ["service", "", "SERVING", "UNKNOWN", "pending"], "info"],
    ["a removed service", ["service", "a", "SERVING", "SERVICE_UNKNOWN"], "info"],
    ["a worker that was discovered", ["service", "celery.worker/w", "SERVICE_UNKNOWN", "SERVING"], "info"],
  ] as const)
    test(`${what} is logged at ${line}`, () =>
      assert.deepEqual(
        after(change).map((text) => text.split(" ")[0]),
        [line],
      ));

  test("a result after a status that was too old is logged", () => {
    const lines = after(
      ["check", "a", "passing", "pending", "stale"],
      ["service", "a", "SERVING", "UNKNOWN", "stale"],
      ...result("a", "passing"),
    );
    assert.equal(lines.length, 4);
  });

  test("the first result of a check that a reload has added is logged only where it fails", () => {
    assert.deepEqual(after(declared("b"), ...result("b", "passing")), []);
    assert.deepEqual(after(declared("b"), ...result("b", "failing")), ['warn check "b": pending -> failing (refused)']);
  });

  test("a check that is added again after its removal starts anew", () => {
    const removed: Change = ["service", "b", "UNKNOWN", "SERVICE_UNKNOWN"];
    assert.deepEqual(after(declared("b"), removed, declared("b"), ...result("b", "passing")), []);
  });
});
