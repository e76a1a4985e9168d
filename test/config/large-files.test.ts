/** Reading takes time and memory in proportion to the length of a file, whatever is in it. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { startCpuTime } from "../support/stopwatch.js";
import { INVALID, VALID } from "./large-files.js";
import { faultsOf } from "./reading.js";

const ENVIRONMENT = { LONG: "x".repeat(100_000) };

interface Reading {
  /** CPU time: the wall time of a busy machine says nothing. */
  readonly ms: number;
  readonly faults: readonly string[];
}

function read(text: string): Reading {
  const cpuMs = startCpuTime();
  const faults = faultsOf(text, ENVIRONMENT);
  return { ms: cpuMs(), faults };
}

/**
 * The cheapest of at most three readings, or the first one within `boundMs`. CPU time also counts a garbage collection
 * that was due, the compiler's threads, and a processor that is shared with another machine.
 */
function readCheaply(text: string, boundMs: number): Reading {
  let cheapest = read(text);
  for (let again = 0; again < 2 && cheapest.ms >= boundMs; again += 1) {
    const next = read(text);
    if (next.ms < cheapest.ms) cheapest = next;
  }
  return cheapest;
}

describe("four times the length takes at most about four times the time", () => {
  for (const [name, textOf] of [...Object.entries(VALID), ...Object.entries(INVALID)])
    test(name, { timeout: 60_000 }, () => {
      const short = read(textOf(32_768));
      const boundMs = Math.max(7 * short.ms, 1_000);
      const long = readCheaply(textOf(131_072), boundMs);
      assert.equal(long.faults.length === 0, Object.hasOwn(VALID, name), long.faults[0]);
      assert.ok(long.ms < boundMs, `${short.ms} ms, then ${long.ms} ms`);
    });
});

test("every error of a long file is reported, each at its place", () => {
  const count = 20_000;
  const text = `checks:\n${Array.from({ length: count }, (_, i) => `  c${i}: { target: "tcp://h:1", interval: 1 }\n`).join("")}`;
  const faults = faultsOf(text);
  assert.equal(faults.length, count);
  assert.match(faults[12_344] ?? "", /^12346:\d+: checks\.c12344\.interval: 1 has no unit/);
});

test("all unknown keys of a table are reported", () => {
  assert.deepEqual(
    faultsOf("checks: { a: { target: 'tcp://h:1', intervall: 5s, timout: 1s } }\nlissen: []\npath: []\n").map(
      (line) => line.split(": ")[1],
    ),
    ["checks.a.intervall", "checks.a.timout", "lissen", "path"],
  );
});

test("values that are nested too deeply, too many, or made from too much text are a fault that says so", () => {
  for (const [name, expected] of [
    ["deep lists", /nested too deeply; the limit is 100 levels/],
    ["deep tables", /nested too deeply; the limit is 100 levels/],
    ["lists in lists in one line", /nested too deeply; the limit is 100 levels/],
    ["keys of keys", /nested too deeply; the limit is 100 levels/],
    ["aliases of aliases", /too many values; the limit is 100000/],
    ["a list by alias in each service", /too many values; the limit is 100000/],
    ["a long variable again and again", /the values of \$\{\.\.\.\} in this file are too long together/],
    ["a long variable in each check", /the values of \$\{\.\.\.\} in this file are too long together/],
    ["headers", /^1:\d+: checks\.a: has \d+ values; the limit is 1000/],
    ["statuses", /checks\.a: has \d+ values/],
    ["services of one check", /checks\.a: has \d+ values/],
    ["arguments of one program", /checks\.a: has \d+ values/],
    ["paths in the JSON of one answer", /checks\.a: has \d+ values/],
    ["long keys", /a key must have at most 1000 characters/],
  ] as const) {
    const [first = ""] = faultsOf(INVALID[name]?.(131_072) ?? "", ENVIRONMENT).filter((line) => expected.test(line));
    assert.match(first, expected, name);
  }
});
