/**
 * Runs the tests of the active mutant: exit code 0 when they pass, and the mutant has survived. Without a mutant it runs
 * all tests. A sample (MUTANTS_EVERY=N) leaves mutants out in stryker.config.json, before Node is started.
 */
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { env, execPath, exit } from "node:process";

/** Milliseconds after which tests are taken to hang. */
const TIMEOUT_MS = Number(env.MUTANTS_TIMEOUT_MS ?? 30_000);

const mutant = env.__STRYKER_ACTIVE_MUTANT__;

// written by bundle.ts
const byMutant = JSON.parse(readFileSync(".mutants/tests.json", "utf8")) as Readonly<Record<string, readonly string[]>>;
const tests = mutant === undefined ? new Set(Object.values(byMutant).flat()) : (byMutant[mutant] ?? []);
for (const test of tests) {
  const options = { timeout: TIMEOUT_MS, stdio: mutant === undefined ? "inherit" : "ignore" } as const;
  const { status } = spawnSync(execPath, [`.mutants/${test.replaceAll("/", "-")}.mjs`], options);
  if (status !== 0) exit(1);
}
