/**
 * A process that loads the tests of an area once, and runs them for one mutant after the other: to start a process for each
 * mutant would cost ten times as much.
 *
 *     Job --> activate the mutant --> its tests, until one fails --> the same test without the mutant --fails--> unreliable
 *                                            '--none--> survived               '--passes--> killed
 *
 * What a mutant leaves behind must not fail the tests of the next one. So a failure counts only if the test passes again
 * without the mutant. Otherwise stryker-runner.ts ends the process, and tries the mutant again in a new one.
 */
import { readdirSync } from "node:fs";
import { pathToFileURL } from "node:url";
import { Worker } from "node:worker_threads";
import { type CollectedTest, collect } from "./node-test.js";
import { BUNDLES, type Coverage, type Job, type Outcome, type TimedTest } from "./tests.js";

/** Seconds of processor time after which a test loops for ever: a loaded machine must not make a test fail. */
const MAX_CPU_S = 6;

/** The same without a mutant: all tests run, also the heavy ones, and count how often each mutant's code runs. */
const MAX_COVER_CPU_S = 60;

/** Seconds after which a test waits for ever. */
const MAX_WAIT_S = 90;

/** Milliseconds of processor time above which a test judges nothing: it would run for every mutant that survives. */
const MAX_TEST_MS = 400;

/** In the name of a test that a `describe` has. */
const INNER = " > ";

/** Ends the process, also one with an endless loop, when a test does not end. `step` is 0 between two jobs. */
const WATCHDOG = `
  const { step, maxCpuS } = require("node:worker_threads").workerData;
  const cpuSeconds = () => { const { user, system } = process.cpuUsage(); return (user + system) / 1e6; };
  let [seen, cpu, at] = [0, 0, 0];
  setInterval(() => {
    if (step[0] !== seen) [seen, cpu, at] = [step[0], cpuSeconds(), performance.now()];
    const isHanging = cpuSeconds() - cpu > maxCpuS[0] || performance.now() - at > ${MAX_WAIT_S * 1000};
    if (seen !== 0 && isHanging) process.kill(process.pid, "SIGKILL");
  }, 500);`;

/** What the code that Stryker has changed reads and writes. */
interface Stryker {
  activeMutant?: string | undefined;
  currentTestId?: string | undefined;
  mutantCoverage?: Coverage;
  /** How often the code of the mutant has run. Above the limit, Stryker's code throws an error: this ends most loops. */
  hitCount?: number;
  hitLimit?: number | undefined;
}

const stryker: Stryker = {};
Reflect.set(globalThis, "__stryker__", stryker);

const step = new Int32Array(new SharedArrayBuffer(4));
const maxCpuS = new Int32Array(new SharedArrayBuffer(4));
new Worker(WATCHDOG, { eval: true, workerData: { step, maxCpuS } }).unref();
let steps = 0;

const tests = new Map<string, CollectedTest>();
/** Makes the running test fail. */
let interrupt: ((error: unknown) => void) | undefined;
/** An error that was thrown outside of every test. */
let strayError: unknown;

function onStrayError(error: unknown): void {
  strayError = error ?? new Error("no reason");
  interrupt?.(strayError);
}

process.on("uncaughtException", onStrayError);
process.on("unhandledRejection", onStrayError);
// the channel does not keep the process alive while a test runs: this event means that nothing can continue the test
process.on("beforeExit", () => interrupt?.(new Error("the test waits for ever")));
process.on("message", (job: Job) => {
  process.channel?.unref();
  run(job).then((outcome) => {
    Atomics.store(step, 0, 0);
    process.channel?.ref();
    process.send?.(outcome);
  });
});

async function run(job: Job): Promise<Outcome> {
  Atomics.store(maxCpuS, 0, job.mutant === undefined ? MAX_COVER_CPU_S : MAX_CPU_S);
  nextStep();
  strayError = undefined;
  if (job.isStatic) stryker.activeMutant = job.mutant;
  try {
    if (tests.size === 0) await load();
  } catch (error) {
    return { kind: "killed", test: "loading", message: String(error) };
  }
  return job.mutant === undefined ? await cover() : await judge(job);
}

async function judge({ mutant, isStatic, hitLimit, tests: chosen }: Job): Promise<Outcome> {
  Object.assign(stryker, { hitCount: 0, hitLimit });
  for (const id of chosen ?? tests.keys()) {
    const test = await find(id);
    stryker.activeMutant = mutant;
    const error = await errorOf(test);
    stryker.activeMutant = undefined;
    if (error === undefined) continue;
    const isReliable = isStatic || (strayError === undefined && (await errorOf(test)) === undefined);
    return { kind: isReliable ? "killed" : "unreliable", test: id, message: String(error) };
  }
  return strayError === undefined
    ? { kind: "survived" }
    : { kind: "unreliable", test: "none", message: String(strayError) };
}

async function load(): Promise<void> {
  for (const file of readdirSync(`${BUNDLES}/tests`))
    for (const test of await collect(() => import(pathToFileURL(`${BUNDLES}/tests/${file}`).href)))
      tests.set(`${file.replace(".mjs", "")}: ${test.name}`, test);
}

/** Runs all tests without a mutant. */
async function cover(): Promise<Outcome> {
  const timed: TimedTest[] = [];
  try {
    for (const [id, test] of tests) timed.push(...(await coverTest(id, test)));
  } catch (error) {
    return { kind: "unreliable", test: stryker.currentTestId ?? "", message: String(error) };
  }
  const { perTest = {}, ...coverage } = stryker.mutantCoverage ?? { static: {} };
  const light = timed.filter(({ ms }) => ms <= MAX_TEST_MS);
  return {
    kind: "covered",
    tests: light,
    coverage: { ...coverage, perTest: Object.fromEntries(light.map(({ id }) => [id, perTest[id] ?? {}])) },
  };
}

/**
 * Runs a test. Stryker's code counts under the name of the current test. A `describe` whose body runs code that is mutated
 * is one test: what its body makes for its tests is made again for each mutant.
 */
async function coverTest(id: string, test: CollectedTest): Promise<readonly TimedTest[]> {
  stryker.currentTestId = id;
  const inner = await test.inner?.();
  if (inner === undefined || stryker.mutantCoverage?.perTest[id] !== undefined) {
    const startedAt = process.cpuUsage();
    const error = await errorOf(test);
    const { user, system } = process.cpuUsage(startedAt);
    const ms = (user + system) / 1000;
    // one that judges nothing may measure time: code that counts itself is slower
    if (error !== undefined && ms <= MAX_TEST_MS) throw error;
    return [{ id, ms }];
  }
  const timed: TimedTest[] = [];
  for (const each of inner) timed.push(...(await coverTest(`${id}${INNER}${each.name}`, each)));
  return timed;
}

async function find(id: string): Promise<CollectedTest> {
  const [outer = "", ...names] = id.split(INNER);
  let test = tests.get(outer);
  for (const name of names) test = (await test?.inner?.())?.find((each) => each.name === name);
  if (test === undefined) throw new Error(`there is no test ${id}`);
  return test;
}

/** Runs a test. Returns how it has failed. */
async function errorOf(test: CollectedTest): Promise<unknown> {
  nextStep();
  try {
    await new Promise<void>((resolve, reject) => {
      interrupt = reject;
      test.run().then(resolve, reject);
    });
    return undefined;
  } catch (error) {
    return error ?? new Error("nothing was thrown");
  } finally {
    interrupt = undefined;
  }
}

function nextStep(): void {
  steps += 1;
  Atomics.store(step, 0, steps);
}
