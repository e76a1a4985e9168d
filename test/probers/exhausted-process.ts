/**
 * Uses up all file descriptors of this process, then probes one target of each kind. `exhausted.test.ts` runs it as a child
 * process, and reads the verdicts from stdout.
 */
import { closeSync, openSync } from "node:fs";
import "mysql2/promise";
import "pg";
import { systemClock } from "../../src/core/clock.js";
import { openExec } from "../../src/probers/exec.js";
import { ProgramGroups } from "../../src/probers/program.js";
import { openTarget, systemDeps } from "../../src/probers/schemes.js";
import { contextOf } from "./probing.js";

const targets = process.argv.slice(2);
const exec = openExec(["/bin/true"], {
  clock: systemClock,
  groups: new ProgramGroups(),
  environment: { PATH: "/bin" },
});
const UDP = { dialogue: [{ send: "x", expect: "x" }] };
const probers = [
  ...targets.map((target) => openTarget(target, systemDeps(), target.startsWith("udp") ? UDP : {})),
  exec,
];
const taken: number[] = [];

/** The loader of TypeScript may give one back at any time. */
function takeAll(): void {
  try {
    for (;;) taken.push(openSync("/dev/null", "r"));
  } catch {
    // none is left
  }
}

const verdicts: string[] = [];
for (const prober of probers) {
  takeAll();
  try {
    const { outcome, reason } = await prober.probe(contextOf(5_000));
    verdicts.push(`${outcome} ${reason}`);
  } catch (error) {
    const { name, reason, stack } = Object(error);
    verdicts.push(`${name} ${reason}${String(stack).includes("\n") ? " with a stack" : ""}`);
  }
}
for (const descriptor of taken) closeSync(descriptor);
process.stdout.write(verdicts.join("\n"));
process.exit(0);
