/**
 * The test runner that Stryker loads. It asks a process with all tests of an area (run-tests.ts). A new process is started
 * when the last one has ended, for a mutant that is active while files are loaded, and when a test fails without the mutant too.
 */
import { type ChildProcess, fork } from "node:child_process";
import { env } from "node:process";
import { BUNDLES, type Job, type Outcome } from "./tests.js";

/** After so many mutants a process is replaced: failed tests leave timers and memory behind. */
const MAX_JOBS = 200;

/** Milliseconds of processor time that the tests of one mutant may take: slower tests judge only what few tests run. */
const MAX_MUTANT_MS = 2_000;

/** The part of Stryker's options that is used. */
interface MutantRun {
  readonly activeMutant: { readonly id: string };
  readonly testFilter?: readonly string[];
  readonly reloadEnvironment: boolean;
  readonly hitLimit?: number;
}

/** `ended`: the process has ended before it answered, by the watchdog or an error that Node cannot survive. */
type Answer = Outcome | { readonly kind: "ended"; readonly signal: NodeJS.Signals | null };

class Runner {
  #process: ChildProcess | undefined;
  /** Jobs of the process. */
  #jobs = 0;
  /** Milliseconds that each test takes. */
  readonly #times = new Map<string, number>();

  capabilities() {
    return { reloadEnvironment: true };
  }

  async dryRun() {
    const answer = await this.#ask({});
    if (answer.kind !== "covered") return { status: "error", errorMessage: JSON.stringify(answer) };
    for (const { id, ms } of answer.tests) this.#times.set(id, ms);
    const tests = answer.tests.map(({ id, ms }) => ({ id, name: id, status: 0, timeSpentMs: ms }));
    return { status: "complete", tests, mutantCoverage: answer.coverage };
  }

  async mutantRun({ activeMutant, testFilter, reloadEnvironment, hitLimit }: MutantRun) {
    const mutant = activeMutant.id;
    if (Number(mutant) % Number(env.MUTANTS_EVERY ?? 1) !== 0) return { status: "survived", nrOfTests: 0 };
    const tests = this.#fastestFirst(testFilter ?? [...this.#times.keys()]);
    const job = { mutant, isStatic: reloadEnvironment, tests, hitLimit };
    if (reloadEnvironment || this.#jobs >= MAX_JOBS) this.dispose();
    let answer = await this.#ask(job);
    if (isUnreliable(answer) && this.#jobs > 1) {
      this.dispose();
      answer = await this.#ask(job);
    }
    if (isUnreliable(answer) || reloadEnvironment) this.dispose();
    return resultOf(answer, tests.length);
  }

  dispose(): void {
    this.#process?.removeAllListeners();
    this.#process?.kill("SIGKILL");
    this.#process = undefined;
    this.#jobs = 0;
  }

  #fastestFirst(tests: readonly string[]): readonly string[] {
    const msOf = (test: string) => this.#times.get(test) ?? 0;
    const sorted = [...tests].sort((one, other) => msOf(one) - msOf(other));
    let leftMs = MAX_MUTANT_MS;
    return sorted.filter((test) => {
      const isTried = leftMs > 0;
      leftMs -= msOf(test);
      return isTried;
    });
  }

  async #ask(job: Job): Promise<Answer> {
    // the model of the registry notices most mutants within a few runs
    this.#process ??= fork(`${BUNDLES}/run-tests.mjs`, {
      stdio: ["ignore", "ignore", "inherit", "ipc"],
      env: { ...env, MODEL_RUNS: "50" },
    });
    this.#jobs += 1;
    const child = this.#process;
    const answer = await new Promise<Answer>((resolve) => {
      child.once("message", (outcome) => resolve(outcome as Outcome)); // run-tests.ts sends nothing else
      child.once("exit", (_, signal) => resolve({ kind: "ended", signal }));
      child.send(job);
    });
    child.removeAllListeners();
    if (answer.kind === "ended") this.#process = undefined;
    return answer;
  }
}

/** Whether the cause may be an earlier mutant in the same process. */
function isUnreliable(answer: Answer): boolean {
  return answer.kind === "unreliable" || (answer.kind === "ended" && answer.signal !== "SIGKILL");
}

function resultOf(answer: Answer, nrOfTests: number) {
  switch (answer.kind) {
    case "survived":
      return { status: "survived", nrOfTests };
    case "killed":
    case "unreliable":
      return { status: "killed", killedBy: [answer.test], failureMessage: answer.message, nrOfTests };
    case "ended":
      return { status: "timeout" };
    case "covered":
      return { status: "error", errorMessage: "there is no mutant" };
    default:
      return answer satisfies never;
  }
}

/** What Stryker looks for in a plugin. */
export const strykerPlugins = [{ kind: "TestRunner", name: "healthbridge", injectableClass: Runner }];
