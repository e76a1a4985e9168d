/**
 * Two backends whose statuses flip while a client makes calls at a fixed rate. Always one of them serves.
 *
 *     down --> a random time --> up --> a random time --> down ...     the other one has served for 100 ms at each "down"
 *
 * Times are those in which this process ran: on a machine that is loaded, the event loop may stand still longer than a
 * client needs to see a change, and calls that were due meanwhile start before the change can be read.
 */
import { eventually, pause } from "../../support/eventually.js";
import { SeededRandom } from "../../support/seeded-random.js";
import { type Answer, Backend, EchoClient, type Owner } from "./backends.js";

export interface FlipOptions {
  readonly flips: number;
  readonly callsPerSecond: number;
  readonly seed: number;
  /** For the control: grpc-js' own policy, without health checks. */
  readonly isControl?: boolean;
}

export interface FlipReport {
  readonly flips: number;
  readonly calls: number;
  /** Answers that are not OK. */
  readonly failed: readonly Answer[];
  /**
   * For each call that came to a backend that was not serving, and was started while it was not: for how long it had not
   * been at that start, in milliseconds.
   */
  readonly stray: readonly number[];
  /** Watches that were open while the client was, and after it was closed. */
  readonly watches: readonly [open: number, left: number];
}

/** A client has this time to see a change. */
export const GRACE_MS = 100;

const TICK_MS = 5;

/** A step of the event loop that took longer counts for so much. */
const MAX_STEP_MS = 10;

/** The time in which this process ran. */
class RunningTime {
  #now = 0;
  #last = performance.now();
  readonly #timer = setInterval(() => this.now(), TICK_MS);

  now(): number {
    const now = performance.now();
    this.#now += Math.min(now - this.#last, MAX_STEP_MS);
    this.#last = now;
    return this.#now;
  }

  async pause(ms: number): Promise<void> {
    const end = this.now() + ms;
    while (this.now() < end) await pause(Math.min(TICK_MS, end - this.now()));
  }

  stop(): void {
    clearInterval(this.#timer);
  }
}

/** A backend, and since when it has its status. */
interface Flipped {
  readonly backend: Backend;
  isUp: boolean;
  since: number;
}

const DOWN = ["NOT_SERVING", "UNKNOWN", "SERVICE_UNKNOWN"] as const;

/** Runs the flips. The policy must be registered. */
export async function runFlips(owner: Owner, options: FlipOptions): Promise<FlipReport> {
  const { flips, callsPerSecond, seed, isControl = false } = options;
  const time = new RunningTime();
  owner.after(() => time.stop());
  const pair = [await flipped(owner, time), await flipped(owner, time)] as const;
  const stray: number[] = [];
  for (const each of pair)
    each.backend.onCall = (request) => {
      const startedAt = request.readDoubleBE(0);
      if (!each.isUp && startedAt > each.since) stray.push(startedAt - each.since);
    };
  const backends = pair.map(({ backend }) => backend);
  const client = new EchoClient(owner, backends, isControl ? { policy: { round_robin: {} } } : {});
  await client.is("READY");
  if (!isControl) await eventually(() => backends.every(({ watches }) => watches.size === 1), "both are watched");
  const load = new Load(client, callsPerSecond, time);
  await flip(pair, { flips, random: new SeededRandom(seed), time });
  const failed = await load.stop();
  const open = watchesOf(backends);
  client.close();
  await eventually(() => watchesOf(backends) === 0, "no Watch is left", 5_000).catch(() => {});
  return { flips, calls: load.calls, failed, stray, watches: [open, watchesOf(backends)] };
}

const watchesOf = (backends: readonly Backend[]) => backends.reduce((sum, { watches }) => sum + watches.size, 0);

async function flipped(owner: Owner, time: RunningTime): Promise<Flipped> {
  return { backend: await Backend.start(owner), isUp: true, since: time.now() };
}

/** Flips the statuses. */
async function flip(
  [one, two]: readonly [Flipped, Flipped],
  { flips, random, time }: { readonly flips: number; readonly random: SeededRandom; readonly time: RunningTime },
): Promise<void> {
  for (let count = 0; count < flips; count += 2) {
    const [down, other] = random.next() < 0.5 ? [one, two] : [two, one];
    await time.pause(Math.max(0, other.since + GRACE_MS - time.now()));
    set(down, random.pick(DOWN), time);
    await time.pause(random.waiting(120));
    set(down, "SERVING", time);
    await time.pause(random.waiting(20));
  }
}

function set(each: Flipped, status: "SERVING" | (typeof DOWN)[number], time: RunningTime): void {
  each.isUp = status === "SERVING";
  each.since = time.now();
  each.backend.set(status);
}

/** Calls at a fixed rate. */
class Load {
  calls = 0;
  readonly #client: EchoClient;
  readonly #time: RunningTime;
  readonly #failed: Answer[] = [];
  readonly #running = new Set<Promise<void>>();
  readonly #timer: NodeJS.Timeout;

  constructor(client: EchoClient, callsPerSecond: number, time: RunningTime) {
    this.#client = client;
    this.#time = time;
    const startedAt = time.now();
    this.#timer = setInterval(() => {
      const due = ((time.now() - startedAt) * callsPerSecond) / 1_000;
      while (this.calls < due) this.#call();
    }, TICK_MS);
  }

  /** Resolves with the answers that are not OK. */
  async stop(): Promise<readonly Answer[]> {
    clearInterval(this.#timer);
    await Promise.all(this.#running);
    return this.#failed;
  }

  #call(): void {
    this.calls += 1;
    const request = Buffer.alloc(8);
    request.writeDoubleBE(this.#time.now());
    const running = this.#client.call(request).then((answer) => {
      if (answer !== "OK") this.#failed.push(answer);
      this.#running.delete(running);
    });
    this.#running.add(running);
  }
}
