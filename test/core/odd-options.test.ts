/** Callers without types give anything for options: each mistake is a HealthError that names the option. */
import assert from "node:assert/strict";
import { EventEmitter } from "node:events";
import { test } from "node:test";
import { bullmqWorker, gracefulShutdown, Health, moleculerHealth, processPressure } from "../../src/index.js";

const worker = Object.assign(new EventEmitter(), {
  scripts: { getCounts() {}, isMaxed() {} },
  isRunning() {},
  isPaused() {},
});

const call = (target: (...args: never[]) => unknown, ...args: readonly unknown[]) =>
  Reflect.apply(target, undefined, args);

const TAKERS: readonly (readonly [string, (options: unknown) => unknown])[] = [
  ["processPressure", (options) => call(processPressure, options)],
  ["gracefulShutdown", (options) => call(gracefulShutdown, options)],
  ["moleculerHealth", (options) => call(moleculerHealth, new Health(), options)],
  ["bullmqWorker", (options) => call(bullmqWorker, worker, options)],
];

for (const [name, take] of TAKERS)
  test(`${name} refuses options that are no object`, () => {
    for (const options of [null, 5, true, () => {}, Symbol("x")])
      assert.throws(() => take(options), { code: "INVALID_OPTION", message: new RegExp(name) });
  });

test("a value that has no text is refused like any other", () => {
  for (const value of [Object.create(null), { toString: null }, Symbol("x"), [Symbol("x")]])
    for (const [option, take] of [
      ["maxEventLoopDelay", (options: unknown) => call(processPressure, options)],
      ["maxEventLoopUtilization", (options: unknown) => call(processPressure, options)],
      ["maxRssBytes", (options: unknown) => call(processPressure, options)],
      ["stalledAfter", (options: unknown) => call(bullmqWorker, worker, options)],
      ["drainDelayMs", (options: unknown) => call(moleculerHealth, new Health(), options)],
      ["history.retain", () => call(() => new Health({ history: { retain: value } }))],
    ] as const)
      assert.throws(() => take({ [option]: value }), { code: "INVALID_OPTION", message: new RegExp(option) });
});
