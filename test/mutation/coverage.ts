/**
 * Runs the tests of a file without a mutant, and writes which of them run the code of which mutants. Stryker's instrumented
 * code counts that under the name of the current test.
 */
import { writeFileSync } from "node:fs";
import { argv, exit } from "node:process";
import { pathToFileURL } from "node:url";
import { collectTests, runTest } from "./node-test.js";
import { ALL_TESTS, type CoverageOfFile } from "./tests.js";

/** What Stryker's instrumented code reads and writes. */
interface Stryker {
  currentTestId?: string;
  mutantCoverage?: {
    readonly static: Readonly<Record<string, number>>;
    readonly perTest: Readonly<Record<string, Readonly<Record<string, number>>>>;
  };
}

const [, , file = "", output = ""] = argv;
const stryker: Stryker = {};
Reflect.set(globalThis, "__stryker__", stryker);
const startedAt = performance.now();
for (const test of await collectTests(pathToFileURL(file).href)) {
  stryker.currentTestId = test.name;
  await runTest(test);
}
const ms = Math.round(performance.now() - startedAt);
const tests: Record<string, string[]> = {};
for (const [name, mutants] of Object.entries(stryker.mutantCoverage?.perTest ?? {}))
  for (const mutant of Object.keys(mutants)) {
    tests[mutant] ??= [];
    tests[mutant].push(name);
  }
// code that runs when the file is loaded can change every test
for (const mutant of Object.keys(stryker.mutantCoverage?.static ?? {})) tests[mutant] = [ALL_TESTS];
writeFileSync(output, JSON.stringify({ ms, tests } satisfies CoverageOfFile));
exit(0);
