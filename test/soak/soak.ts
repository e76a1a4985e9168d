/**
 * A soak: honest load, faults and abuse against one daemon, checked every second.
 *
 *     every second        a target that is ill is not SERVING; the daemon answers; no fault is logged
 *     every 20 seconds    abuse stops for a moment: watchers and connections are exactly those of the honest clients, and
 *                         every descriptor has an owner
 *     at the end          the heap has not grown
 */
import { quantile } from "../../bench/measuring/figures.js";
import { eventually, pause } from "../support/eventually.js";
import { GrpcPeer } from "../support/grpc-peer.js";
import { SeededRandom } from "../support/seeded-random.js";
import { DETECTION_MS, SoakDaemon, type Usage } from "./daemon.js";
import { HonestLoad } from "./load.js";
import { growthOf } from "./slope.js";
import { ScriptedTarget } from "./targets.js";
import { MAX_EXTRA_CHECKS, Turmoil } from "./turmoil.js";

const TARGETS = 20;
const QUIET_EVERY = 20;
const QUIET_WITHIN_MS = 15_000;

/** What is known after each minute. */
export interface Minute extends Usage {
  readonly minute: number;
  readonly checks: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly longestIllMs: number;
  readonly falseDowns: number;
  readonly problems: number;
}

export interface SoakReport {
  readonly seed: number;
  readonly minutes: readonly Minute[];
  /** Everything that must not be. */
  readonly problems: readonly string[];
  readonly counts: Readonly<Record<string, number>>;
  readonly heap: ReturnType<typeof growthOf>;
}

export interface SoakOptions {
  readonly minutes: number;
  readonly seed: number;
  /** Called after each minute. */
  readonly onMinute: (minute: Minute) => void;
}

/** Runs a soak. */
export async function soak(options: SoakOptions): Promise<SoakReport> {
  const names = Array.from({ length: TARGETS }, (_, index) => `target-${index}`);
  const [first, ...others] = await Promise.all(names.map((name) => ScriptedTarget.start(name)));
  if (first === undefined) throw new Error("no targets");
  const targets = [first, ...others] as const;
  const daemon = await SoakDaemon.start(targets);
  const run = new Soak(daemon, targets, options);
  try {
    return await run.run();
  } finally {
    run.stop();
    await daemon.stop();
    for (const target of targets) target.stop();
  }
}

class Soak {
  readonly #daemon: SoakDaemon;
  readonly #targets: readonly [ScriptedTarget, ...ScriptedTarget[]];
  readonly #options: SoakOptions;
  readonly #load: HonestLoad;
  readonly #turmoil: Turmoil;
  readonly #peer: GrpcPeer;
  readonly #problems: string[] = [];
  readonly #minutes: Minute[] = [];
  readonly #heap: { readonly second: number; readonly bytes: number }[] = [];
  #failed = 0;
  /** Descriptors beside connections, when all was quiet for the first time. */
  #idleDescriptors: number | undefined;
  #longestIllMs = 0;
  #falseDowns = 0;

  constructor(daemon: SoakDaemon, targets: readonly [ScriptedTarget, ...ScriptedTarget[]], options: SoakOptions) {
    const random = new SeededRandom(options.seed);
    const names = ["any", ...targets.map(({ name }) => name)] as const;
    this.#daemon = daemon;
    this.#targets = targets;
    this.#options = options;
    this.#peer = new GrpcPeer(daemon.port);
    this.#load = new HonestLoad(daemon.port, names, random);
    this.#turmoil = new Turmoil(daemon, targets, random);
  }

  async run(): Promise<SoakReport> {
    const { minutes, seed, onMinute } = this.#options;
    const startedAt = performance.now();
    for (let second = 1; second <= minutes * 60; second += 1) {
      await pause(Math.max(0, startedAt + second * 1_000 - performance.now()));
      await this.#second(second).catch((error) => this.#problem(second, String(error)));
      if (this.#daemon.process.exit !== undefined) break;
      if (second % 60 === 0) onMinute(await this.#minute(second / 60));
    }
    const heap = growthOf(this.#heap);
    if (heap.growthBytes > heap.allowedBytes) this.#problem(minutes * 60, `the heap grows: ${JSON.stringify(heap)}`);
    const { latenciesMs: _, failed: __, ...honest } = this.#load.counts;
    const counts = { ...this.#turmoil.counts, ...honest };
    return { seed, minutes: this.#minutes, problems: this.#problems, counts, heap };
  }

  stop(): void {
    this.#turmoil.stop();
    this.#load.stop();
    this.#peer.close();
  }

  async #second(second: number): Promise<void> {
    if (this.#daemon.process.exit !== undefined)
      throw new Error(`the daemon has ended: ${this.#daemon.process.stderr}`);
    const { statuses, code } = await this.#peer.list();
    if (code !== 0) throw new Error(`List was answered ${code}`);
    for (const target of this.#targets) this.#checkTarget(second, target, statuses.get(target.name));
    const { heapBytes } = await this.#daemon.usage();
    this.#heap.push({ second, bytes: heapBytes });
    for (const fault of this.#daemon.takeFaults()) this.#problem(second, fault);
    const { failed } = this.#load.counts;
    if (failed > this.#failed) this.#problem(second, `${failed - this.#failed} honest Checks failed`);
    this.#failed = failed;
    if (second % QUIET_EVERY === 0) await this.#quiet(second);
  }

  #checkTarget(second: number, { name, illForMs, wellForMs }: ScriptedTarget, status: number | undefined): void {
    if (status === 1) this.#longestIllMs = Math.max(this.#longestIllMs, illForMs);
    if (status === 1 && illForMs > DETECTION_MS)
      this.#problem(second, `${name} is SERVING, and has been ill for ${Math.round(illForMs)} ms`);
    if (status === 2 && wellForMs > 2 * DETECTION_MS) this.#falseDowns += 1;
  }

  /** Stops what comes and goes; then every watcher and every connection is one of ours. */
  async #quiet(second: number): Promise<void> {
    this.#turmoil.isPaused = true;
    this.#load.isPaused = true;
    let last: Usage | undefined;
    const isExact = async () => {
      last = await this.#daemon.usage();
      return last.watchers === this.#load.heldWatches && this.#isOwned(last);
    };
    await eventually(isExact, "exact counts", QUIET_WITHIN_MS).catch(() => {
      const expected = `${this.#load.heldWatches} watchers, ${this.#idleDescriptors} descriptors beside connections`;
      this.#problem(second, `expected ${expected}, found ${JSON.stringify(last)}`);
    });
    this.#idleDescriptors ??= last?.descriptors.others;
    if (this.#load.repeated > 0) this.#problem(second, `${this.#load.repeated} streams had a status twice in a row`);
    this.#turmoil.isPaused = false;
    this.#load.isPaused = false;
  }

  /** Every descriptor is a connection that the daemon counts, one of a check, or was there when it was idle. */
  #isOwned({ connections, descriptors }: Usage): boolean {
    const { clients, targets, others } = descriptors;
    const isIdle = this.#idleDescriptors === undefined || others === this.#idleDescriptors;
    return clients === connections && targets <= this.#targets.length + MAX_EXTRA_CHECKS && isIdle;
  }

  async #minute(minute: number): Promise<Minute> {
    const { counts } = this.#load;
    const latencies = counts.latenciesMs.splice(0);
    const row: Minute = {
      minute,
      ...(await this.#daemon.usage()),
      checks: counts.checks,
      p50Ms: quantile(latencies, 0.5),
      p99Ms: quantile(latencies, 0.99),
      longestIllMs: Math.round(this.#longestIllMs),
      falseDowns: this.#falseDowns,
      problems: this.#problems.length,
    };
    this.#minutes.push(row);
    return row;
  }

  #problem(second: number, text: string): void {
    this.#problems.push(`second ${second}: ${text}`);
  }
}
