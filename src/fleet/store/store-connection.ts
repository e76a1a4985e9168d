/**
 * A connection to a store that is made when it is needed, and left when it fails.
 *
 *     call --> connected? --yes---------------------------> work --> result
 *                 | no                                        |
 *                 +--> failed just now? --yes--> rejected     '--> late, or the connection has failed: left
 *                 | no
 *                 '--> open --> work
 *
 * Each call has the deadline, with all that it waits for. Delays of this process do not count: the answer may be there, and
 * wait to be read. A connection on which a call has missed it is left: it may be half-open, and the operating system would
 * notice that after minutes. Nothing is queued while the store is away: a call
 * that comes shortly after a failure is rejected with it.
 */
import { type Clock, setTimerInSteps } from "../../core/clock.js";
import { StoreError } from "./store.js";

/** How one kind of store is reached. */
export interface Link<Client> {
  /** For people: scheme and hosts. */
  readonly label: string;
  open(): Promise<Client>;
  /** Closes all that is open, and what is being opened. */
  drop(): void;
  /** The fault that an error stands for, and whether the connection is of no use after it. */
  failureOf(error: unknown): { readonly failure: StoreError; readonly isLost: boolean };
}

/** Pauses between attempts to connect, in milliseconds. None is longer than half a deadline: members must meet again within a lease. */
const PAUSES = [100, 250, 500, 1_000] as const;

export class StoreConnection<Client> {
  readonly #link: Link<Client>;
  readonly #deadlineMs: number;
  readonly #clock: Clock;
  #client: Promise<Client> | undefined;
  #isOpen = false;
  #failures = 0;
  #retryAt = Number.NEGATIVE_INFINITY;
  #lastFailure: StoreError | undefined;
  #isClosed = false;

  constructor(link: Link<Client>, deadlineMs: number, clock: Clock) {
    this.#link = link;
    this.#deadlineMs = deadlineMs;
    this.#clock = clock;
  }

  async call<Result>(work: (client: Client) => Promise<Result>): Promise<Result> {
    if (this.#isClosed) throw new StoreError("unreachable", "the store is closed");
    const connection = this.#client ?? this.#connect();
    try {
      const result = await this.#inTime(connection.then(work));
      this.#failures = 0;
      return result;
    } catch (error) {
      const { failure, isLost } = this.#link.failureOf(error);
      // another call may have left it before
      if (this.#client === connection && (isLost || !this.#isOpen)) this.#leave(failure);
      throw failure;
    }
  }

  close(): void {
    this.#isClosed = true;
    this.#client = undefined;
    this.#link.drop();
  }

  #connect(): Promise<Client> {
    if (this.#lastFailure !== undefined && this.#clock.now() < this.#retryAt) throw this.#lastFailure;
    this.#isOpen = false;
    const client = this.#link.open();
    this.#client = client;
    client.then(
      () => {
        if (this.#client === client) this.#isOpen = true;
      },
      () => {}, // the calls that wait for it are rejected
    );
    return client;
  }

  #leave(failure: StoreError): void {
    this.#client = undefined;
    this.#link.drop();
    this.#lastFailure = failure;
    const pauseMs = PAUSES[this.#failures] ?? PAUSES[3];
    this.#retryAt = this.#clock.now() + Math.min(pauseMs, this.#deadlineMs / 2);
    this.#failures += 1;
  }

  async #inTime<Result>(work: Promise<Result>): Promise<Result> {
    let cancel = () => {};
    const late = new Promise<never>((_, reject) => {
      const text = `${this.#link.label}: no answer within ${this.#deadlineMs} ms`;
      cancel = setTimerInSteps(this.#clock, this.#deadlineMs, () => reject(new StoreError("timeout", text)));
    });
    try {
      return await Promise.race([work, late]);
    } finally {
      cancel();
    }
  }
}
