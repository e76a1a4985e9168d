/**
 * The fuzzer of the probers: hostile targets of every scheme against checks in a process of their own.
 *
 *     first        a good target of each scheme passes
 *     each round   20 targets at once, three probes of each; every probe ends by its deadline, no fault, bounded memory
 *     at the end   no socket is left
 */
import { type ChildProcess, fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import { eventually } from "../../support/eventually.js";
import { notOutlive } from "../../support/not-outlive.js";
import { SeededRandom } from "../../support/seeded-random.js";
import { type Behaviour, SCHEME_NAMES, type SchemeName, startTarget } from "./hostile-target.js";
import { HOSTILITY_NAMES } from "./hostility.js";
import { type Order, type Report, TIMEOUT_MS } from "./prober-process.js";

const AT_ONCE = 20;
const PROBES = 3;
const MAX_GROWTH_BYTES = 300 * 1024 * 1024;

/** A deadline is kept by a timer: on a busy machine it comes late. */
const MAX_LATE_MS = 1_500;

type Condition = Extract<Report, { kind: "condition" }>;

/** What a run has done. */
export interface ClientCoverage {
  rounds: number;
  /** Results of probes, by scheme and outcome. */
  readonly probes: Record<string, number>;
  /** Targets by what they did. */
  readonly hostilities: Record<string, number>;
}

/** What is fuzzed. */
export interface ClientFuzzOptions {
  /** The program of Node that runs the probers: ours by default. */
  readonly node?: string | undefined;
}

export class ClientFuzzer {
  readonly #child: ChildProcess;
  readonly #results = new Map<string, string[]>();
  readonly coverage: ClientCoverage = { rounds: 0, probes: {}, hostilities: {} };
  #isReady = false;
  #stderr = "";
  #late: string | undefined;
  #condition: Condition | undefined;
  #firstRssBytes = 0;
  #targets = 0;

  private constructor({ node = process.execPath }: ClientFuzzOptions) {
    this.#child = fork(fileURLToPath(new URL("prober-process.ts", import.meta.url)), {
      execPath: node,
      execArgv: ["--import", "tsx"],
      stdio: ["ignore", "ignore", "pipe", "ipc"],
    });
    notOutlive(this.#child, () => this.#child.kill("SIGKILL"));
    this.#child.on("error", () => {}); // a message to a process that is ending
    this.#child.stderr?.on("data", (text) => {
      this.#stderr = (this.#stderr + text).slice(-20_000);
    });
    this.#child.on("message", (report: Report | "ready") => this.#onReport(report));
  }

  /** Starts the process of the probers. */
  static async start(options: ClientFuzzOptions = {}): Promise<ClientFuzzer> {
    const fuzzer = new ClientFuzzer(options);
    await fuzzer.#until(() => fuzzer.#isReady, "the process of the probers is ready");
    return fuzzer;
  }

  /** Rejects when a good target of a scheme does not pass. */
  async verify(): Promise<void> {
    const honest: Behaviour = { hostility: "honest", honestAnswers: 0, breaksRecords: false, seed: 1 };
    const verifyScheme = async (scheme: SchemeName) => {
      const outcomes = await this.#probe(scheme, honest);
      if (!outcomes.includes("pass")) throw new Error(`${scheme}: a good target did not pass: ${outcomes}`);
    };
    await Promise.all(SCHEME_NAMES.map(verifyScheme));
    this.#firstRssBytes = (await this.#ask()).rssBytes;
  }

  /** One round. Rejects when the process has ended, a probe is late, a fault was published or memory grows. */
  async round(seed: number): Promise<void> {
    const random = new SeededRandom(seed);
    const drawn = Array.from({ length: AT_ONCE }, () => {
      const hostility = random.pick(HOSTILITY_NAMES);
      const honestAnswers = Math.floor(random.next() * 4);
      const breaksRecords = random.next() < 0.5;
      return [
        random.pick(SCHEME_NAMES),
        { hostility, honestAnswers, breaksRecords, seed: Math.floor(random.next() * 2 ** 31) },
      ] as const;
    });
    await Promise.all(drawn.map(([scheme, behaviour]) => this.#probe(scheme, behaviour)));
    const { faults, rssBytes } = await this.#ask();
    if (faults.length > 0) throw new Error(`faults: ${faults.join("\n")}`);
    if (this.#late !== undefined) throw new Error(this.#late);
    if (rssBytes - this.#firstRssBytes > MAX_GROWTH_BYTES)
      throw new Error(`the probers have grown from ${this.#firstRssBytes} to ${rssBytes} bytes`);
    this.coverage.rounds += 1;
  }

  /** The end of a run. Rejects when a socket is left. */
  async end(): Promise<void> {
    await eventually(async () => (await this.#ask()).sockets === 0, "the probers have closed every socket");
  }

  async stop(): Promise<void> {
    this.#child.kill("SIGKILL");
    await eventually(() => this.#child.exitCode !== null || this.#child.signalCode !== null, "the process has ended");
  }

  /** Probes a target some times. Returns the outcomes. */
  async #probe(scheme: SchemeName, behaviour: Behaviour): Promise<readonly string[]> {
    const target = await startTarget(scheme, behaviour);
    this.#targets += 1;
    const name = `${scheme} ${this.#targets}`;
    const outcomes: string[] = [];
    this.#results.set(name, outcomes);
    this.coverage.hostilities[behaviour.hostility] = (this.coverage.hostilities[behaviour.hostility] ?? 0) + 1;
    try {
      this.#send({ do: "add", name, target: target.url, isTls: target.isTls, dialogue: target.dialogue });
      const what = `${PROBES} results of ${target.url}, which does ${JSON.stringify(behaviour)}; came: ${outcomes}`;
      await this.#until(() => outcomes.length >= PROBES, what);
      return outcomes;
    } finally {
      this.#send({ do: "remove", name });
      await target.stop();
    }
  }

  async #ask(): Promise<Condition> {
    this.#condition = undefined;
    this.#send({ do: "condition" });
    await this.#until(() => this.#condition !== undefined, "the condition of the probers");
    if (this.#condition === undefined) throw new Error("no condition"); // the line above has waited for it
    return this.#condition;
  }

  #onReport(report: Report | "ready"): void {
    if (report === "ready") {
      this.#isReady = true;
    } else if (report.kind === "condition") {
      this.#condition = report;
    } else {
      const outcome = report.kind === "probe" ? report.outcome : "ignored";
      const scheme = report.check.replace(/ \d+$/, "");
      const key = `${scheme} ${outcome}`;
      this.coverage.probes[key] = (this.coverage.probes[key] ?? 0) + 1;
      this.#results.get(report.check)?.push(outcome);
      if (report.kind === "probe" && report.latencyMs > TIMEOUT_MS + MAX_LATE_MS)
        this.#late = `a probe of ${report.check} took ${report.latencyMs} ms of ${TIMEOUT_MS}`;
    }
  }

  /** Rejects at once when the process has ended. */
  async #until(condition: () => boolean, what: string): Promise<void> {
    await eventually(() => {
      const { exitCode, signalCode } = this.#child;
      if (exitCode !== null || signalCode !== null)
        throw new Error(`the process of the probers has ended (${signalCode ?? exitCode}): ${this.#stderr}`);
      return condition();
    }, what);
  }

  #send(order: Order): void {
    if (this.#child.connected) this.#child.send(order);
  }
}
