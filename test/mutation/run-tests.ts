/**
 * Runs the tests of the active mutant: exit code 0 when they pass, and the mutant has survived. The first failure ends the
 * process. Without a mutant all tests run. A sample (MUTANTS_EVERY=N) leaves mutants out in stryker.config.json, before
 * Node is started.
 */
import { readFileSync } from "node:fs";
import { env, exit } from "node:process";
import { Worker } from "node:worker_threads";
import { collectTests, runTest } from "./node-test.js";
import { ALL_TESTS, bundleOf, type TestsOfMutants } from "./tests.js";

/** Seconds of processor time after which a test loops for ever: a loaded machine must not make a test fail. */
const MAX_CPU_S = 6;

/** Seconds after which a test waits for ever. */
const MAX_WAIT_S = 30;

/** Ends the process, also one with an endless loop, when no test ends for too long. */
const WATCHDOG = `
  const { ended } = require("node:worker_threads").workerData;
  const cpuSeconds = () => { const { user, system } = process.cpuUsage(); return (user + system) / 1e6; };
  let [seen, cpu, at] = [0, cpuSeconds(), performance.now()];
  setInterval(() => {
    if (ended[0] !== seen) [seen, cpu, at] = [ended[0], cpuSeconds(), performance.now()];
    const isHanging = cpuSeconds() - cpu > ${MAX_CPU_S} || performance.now() - at > ${MAX_WAIT_S * 1000};
    if (isHanging) process.kill(process.pid, "SIGKILL");
  }, 500);`;

const ended = new Int32Array(new SharedArrayBuffer(4));
new Worker(WATCHDOG, { eval: true, workerData: { ended } }).unref();

// written by bundle.ts
const { files, byMutant } = JSON.parse(readFileSync(".mutants/tests.json", "utf8")) as TestsOfMutants;
const mutant = env.__STRYKER_ACTIVE_MUTANT__;
const chosen = mutant === undefined ? files.map((file) => [file, [ALL_TESTS]] as const) : (byMutant[mutant] ?? []);
for (const [file, names] of chosen) {
  for (const test of await collectTests(`./${bundleOf(file)}`)) {
    if (!names.includes(ALL_TESTS) && !names.includes(test.name)) continue;
    try {
      await runTest(test);
    } catch (error) {
      if (mutant === undefined) process.stderr.write(`${file}: ${test.name}: ${String(error)}\n`);
      exit(1);
    }
    Atomics.add(ended, 0, 1);
  }
}
exit(0);
