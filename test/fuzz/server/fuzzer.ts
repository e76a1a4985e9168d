/**
 * The fuzzer of the server: batches of broken conversations, in all areas, against a process of its own.
 *
 *     each batch      20 clients at once, then an honest gRPC Check and an honest GET: both must be answered
 *     each round      5 batches; then there is no fault, and memory is bounded
 *     each 20 rounds  connections and watchers are zero
 *     first           one valid conversation of each area must be answered
 *
 * A seed decides the bytes of a round. When and how they reach the process is up to the system.
 */
import { GrpcPeer } from "../../support/grpc-peer.js";
import { SeededRandom } from "../../support/seeded-random.js";
import { AREAS, type Area, drawBroken, drawValid } from "./areas.js";
import { sendBroken, verifyAnswers } from "./client.js";
import type { Condition } from "./subject.js";
import { Subject, type SubjectOptions } from "./subject-process.js";
import { recordClientHello, sendBrokenTls } from "./tls-records.js";

const BATCHES = 5;
const ROUNDS_BETWEEN_IDLE = 20;
const AT_ONCE = 20;
const HONEST_TIMEOUT_MS = 10_000;
const TLS_RECORDS = "TLS records";

/** Node keeps some broken sessions of engine grpc-js until they are closed for their silence: 50 s after the last byte. */
const IDLE_WITHIN_MS = { native: 30_000, "grpc-js": 70_000 } as const;

/** What broken clients may cost in memory, all in all. */
const MAX_GROWTH_BYTES = 300 * 1024 * 1024;

export interface FuzzOptions extends SubjectOptions {
  /**
   * The process uses an nghttp2 with known faults (docs/known-faults.md): native code may abort it, and sessions may be
   * left. An abort is counted, and the process is started again.
   */
  readonly hasOldNghttp2: boolean;
  /** Only the end of the process counts: for the control, whose build tells faults too. Default false. */
  readonly onlyCrashes?: boolean;
}

/** What a run has done. */
export interface Coverage {
  rounds: number;
  aborts: number;
  /** Broken conversations by area. */
  readonly broken: Record<string, number>;
  /** What the process has answered, by method and route. */
  answered: Readonly<Record<string, number>>;
}

export class ServerFuzzer {
  readonly #options: FuzzOptions;
  readonly #hello: Buffer;
  #subject: Subject;
  #firstRssBytes = 0;
  readonly coverage: Coverage = { rounds: 0, aborts: 0, broken: {}, answered: {} };

  private constructor(options: FuzzOptions, subject: Subject, hello: Buffer) {
    this.#options = options;
    this.#subject = subject;
    this.#hello = hello;
  }

  /** Starts a process. */
  static async start(options: FuzzOptions): Promise<ServerFuzzer> {
    return new ServerFuzzer(options, await Subject.start(options), await recordClientHello());
  }

  /** Says valid conversations of each area. Rejects when an answer is wrong. */
  async verify(seed: number, each: number): Promise<void> {
    for (const [name, area] of this.#areas()) {
      if (area.prefix !== undefined) continue;
      for (let count = 0; count < each; count += 1) {
        const random = new SeededRandom(seed + count);
        await verifyAnswers(this.#subject, area, drawValid(random, area)).catch((cause) => {
          throw new Error(`${name}: ${cause instanceof Error ? cause.message : cause}`, { cause });
        });
      }
    }
    this.#firstRssBytes = (await this.#idle()).rssBytes;
  }

  /** One round. Rejects when the process has ended, does not serve, keeps something or has told a fault. */
  async round(seed: number): Promise<void> {
    try {
      await this.#round(seed);
    } catch (error) {
      // the end of a process is seen a moment after that of its connections
      await this.#subject.condition().catch(() => {});
      if (!this.#subject.hasAborted || !this.#options.hasOldNghttp2) throw await this.#explained(error);
      this.coverage.aborts += 1;
      this.#subject = await Subject.start(this.#options);
      await this.verify(seed, 1); // memory is compared with that of a process that has served
    }
    this.coverage.rounds += 1;
  }

  /** The end of a run. Rejects when connections or watchers are left. Stops the process. */
  async end(): Promise<void> {
    await this.#idle();
    await this.stop();
  }

  async stop(): Promise<void> {
    await this.#subject.stop();
  }

  #idle(): Promise<Condition> {
    const { engine, hasOldNghttp2, onlyCrashes } = this.#options;
    return hasOldNghttp2 || onlyCrashes ? this.#subject.condition() : this.#subject.idle(IDLE_WITHIN_MS[engine]);
  }

  #areas(): readonly (readonly [string, Area])[] {
    const { listeners } = this.#subject;
    return Object.entries(AREAS).filter(([, { listener }]) => listeners.includes(listener));
  }

  async #round(seed: number): Promise<void> {
    const random = new SeededRandom(seed);
    for (let batch = 0; batch < BATCHES; batch += 1) {
      await Promise.all(Array.from({ length: AT_ONCE }, () => this.#sendBroken(random)));
      await this.#honest();
    }
    const isEnd = (this.coverage.rounds + 1) % ROUNDS_BETWEEN_IDLE === 0;
    const { faults, rssBytes, answered } = await (isEnd ? this.#idle() : this.#subject.condition());
    this.coverage.answered = answered;
    if (this.#options.onlyCrashes) return;
    if (faults.length > 0) throw new Error(`faults: ${faults.join("\n")}`);
    if (rssBytes - this.#firstRssBytes > MAX_GROWTH_BYTES)
      throw new Error(`the process has grown from ${this.#firstRssBytes} to ${rssBytes} bytes`);
  }

  #sendBroken(random: SeededRandom): Promise<void> {
    const areas = this.#areas();
    const at = Math.floor(random.next() * (areas.length + 1));
    const [name, area] = areas[at] ?? [TLS_RECORDS];
    this.coverage.broken[name] = (this.coverage.broken[name] ?? 0) + 1;
    // each client has numbers of its own: the order in which clients run must not change the bytes
    const own = new SeededRandom(Math.floor(random.next() * 2 ** 32));
    if (area === undefined) return sendBrokenTls(this.#subject.port("tls"), this.#hello, own);
    return sendBroken(this.#subject, area, drawBroken(own, area), own);
  }

  async #honest(): Promise<void> {
    const port = this.#subject.port("clear");
    const peer = new GrpcPeer(port);
    const timer = setTimeout(() => peer.close(), HONEST_TIMEOUT_MS);
    try {
      const { status } = await peer.check("down");
      if (status !== 2) throw new Error(`an honest Check of a NOT_SERVING service was answered ${status}`);
    } finally {
      clearTimeout(timer);
      peer.close();
    }
    const signal = AbortSignal.timeout(HONEST_TIMEOUT_MS);
    const response = await fetch(`http://127.0.0.1:${port}/healthcheck/up`, {
      signal,
      headers: { connection: "close" },
    });
    const text = await response.text();
    if (text !== "OK") throw new Error(`an honest GET was answered ${text}`);
  }

  /** The error, with the end of the process when that was its cause. */
  async #explained(error: unknown): Promise<Error> {
    const ended = await this.#subject.condition().then(
      () => undefined,
      (reason: Error) => reason.message,
    );
    const text = error instanceof Error ? error.message : String(error);
    return new Error(ended === undefined ? text : `${text}\n${ended}`, { cause: error });
  }
}
