/**
 * Honest clients: Checks at a constant rate, Watch streams that are held, and Watch streams that come and go.
 *
 * Half of section D of docs/conformance.md is asked of a machine for itself; here client, targets and daemon share two cores.
 */
import { GrpcPeer, type OpenWatch } from "../support/grpc-peer.js";
import type { SeededRandom } from "../support/seeded-random.js";

const CHECKS_PER_SECOND = 100;
const WATCHES_PER_SECOND = 25;
const HELD = 50;
const TICK_MS = 20;
const CONNECTIONS = 5;

/** The time in which every call of a connection ends. */
const CALL_MS = 3_000;

/** What clients have seen. */
export interface LoadCounts {
  checks: number;
  failed: number;
  watches: number;
  reconnects: number;
  /** Of the Checks since the last minute. */
  readonly latenciesMs: number[];
}

export class HonestLoad {
  readonly #port: number;
  readonly #names: readonly [string, ...string[]];
  readonly #random: SeededRandom;
  readonly #timer: NodeJS.Timeout;
  readonly counts: LoadCounts = { checks: 0, failed: 0, watches: 0, reconnects: 0, latenciesMs: [] };
  readonly #held = new Map<string, OpenWatch>();
  readonly #short = new Set<OpenWatch>();
  readonly #peers: GrpcPeer[];
  readonly #holder: GrpcPeer;
  #due = 0;
  #watchesDue = 0;
  #last = performance.now();
  isPaused = false;

  constructor(port: number, names: readonly [string, ...string[]], random: SeededRandom) {
    this.#port = port;
    this.#names = names;
    this.#random = random;
    this.#peers = Array.from({ length: CONNECTIONS }, () => new GrpcPeer(port));
    this.#holder = new GrpcPeer(port);
    for (let index = 0; index < HELD; index += 1)
      this.#held.set(`${index}`, this.#holder.watch(names[index % names.length] ?? names[0]));
    this.#timer = setInterval(() => this.#tick(), TICK_MS);
  }

  /** Watch streams that this client holds open. */
  get heldWatches(): number {
    return [...this.#held.values()].filter(({ end }) => end === undefined).length;
  }

  get shortWatches(): number {
    return this.#short.size;
  }

  /** Connections that this client holds open. */
  get connections(): number {
    return CONNECTIONS + 1;
  }

  /** Statuses that came twice in a row on a stream: there must be none. */
  get repeated(): number {
    const isRepeated = ({ statuses }: OpenWatch) =>
      statuses.some((status, at) => at > 0 && statuses[at - 1] === status);
    return [...this.#held.values()].filter(isRepeated).length;
  }

  stop(): void {
    clearInterval(this.#timer);
    for (const peer of [...this.#peers, this.#holder]) peer.close();
  }

  #tick(): void {
    const now = performance.now();
    const elapsed = Math.min(1_000, now - this.#last);
    this.#last = now;
    if (this.isPaused) return;
    this.#due += (CHECKS_PER_SECOND * elapsed) / 1_000;
    this.#watchesDue += (WATCHES_PER_SECOND * elapsed) / 1_000;
    for (; this.#due >= 1; this.#due -= 1) void this.#check();
    for (; this.#watchesDue >= 1; this.#watchesDue -= 1) this.#watch();
    if (this.#random.next() < elapsed / 2_000) this.#reconnect();
  }

  async #check(): Promise<void> {
    const startedAt = performance.now();
    this.counts.checks += 1;
    const { code } = await this.#peer().check(this.#random.pick(this.#names));
    if (code !== 0) this.counts.failed += 1;
    this.counts.latenciesMs.push(performance.now() - startedAt);
  }

  #watch(): void {
    this.counts.watches += 1;
    const watch = this.#peer().watch(this.#random.pick(this.#names));
    this.#short.add(watch);
    watch.stream.once("close", () => this.#short.delete(watch));
    setTimeout(() => watch.cancel(), this.#random.between(0, 500));
  }

  /** Replaces a connection once its calls have had time to end. */
  #reconnect(): void {
    const old = this.#peers.shift();
    this.#peers.push(new GrpcPeer(this.#port));
    this.counts.reconnects += 1;
    if (old !== undefined) setTimeout(() => old.close(), CALL_MS);
  }

  #peer(): GrpcPeer {
    const [first] = this.#peers;
    if (first === undefined) throw new Error("no connection");
    return this.#random.pick([first, ...this.#peers]);
  }
}
