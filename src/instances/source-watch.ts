/**
 * Asks one source again and again, and keeps its addresses.
 *
 *     ask --10 s at most--> answer --> address set --other addresses--> onChange
 *      ^                       '--fault--> nothing changes; published
 *      '---- after the interval ----'
 *
 * A source that replaces another one has the addresses of that one until its first answer without a fault: a configuration
 * with another source removes no instance while a name server does not answer. With only another interval, it is the same one.
 *
 * A source that needs longer than 10 s has failed; it is asked again when it has answered. It is `awaited` until its first
 * answer without a fault: earlier answers may lack addresses.
 */
import { background } from "../core/background.js";
import { publish } from "../core/channels.js";
import { type CancelTimer, type Clock, settledWithin } from "../core/clock.js";
import { AddressSet } from "./address-set.js";
import {
  type AskSource,
  type FoundAddress,
  failed,
  type InstanceSource,
  MAX_ADDRESSES,
  type SourceAnswer,
} from "./source.js";

/** How long an answer is awaited. */
const MAX_ASK_MS = 10_000;

/** A source that is awaited is asked so often at least: its interval may be an hour. */
const MAX_RETRY_MS = 5_000;

/** Files are looked at more often than they may lose targets: a new one is found at once. */
const FILE_POLL_MS = 500;

export interface SourceWatchDeps {
  readonly clock: Clock;
  /** Identifies the messages on the channel. */
  readonly instance: string;
  /** The service that the addresses are instances of. */
  readonly service: string;
  readonly ask: AskSource;
  /** Called after each change of the addresses, and when the source is not awaited any more. */
  readonly onChange: () => void;
  /** The addresses of the source that this one replaces. */
  readonly before?: readonly FoundAddress[] | undefined;
}

export class SourceWatch {
  readonly source: InstanceSource;
  readonly #deps: SourceWatchDeps;
  readonly #set: AddressSet;
  #isAwaited = true;
  #last: Pick<SourceAnswer, "fault"> | undefined;
  #cancel: CancelTimer = () => {};
  #isAsking = false;
  #isClosed = false;
  /** Resolves when the source has answered or failed for the first time. */
  readonly first: Promise<void>;

  constructor(source: InstanceSource, deps: SourceWatchDeps) {
    this.source = source;
    this.#deps = deps;
    this.#set = new AddressSet(source.refreshMs);
    this.first = this.#ask();
  }

  get addresses(): readonly FoundAddress[] {
    const { before } = this.#deps;
    return this.#isAwaited && before !== undefined ? before : this.#set.addresses;
  }

  /** Asks at another interval from now on. What is known of the source stays. */
  refreshEvery(refreshMs: number): void {
    if (refreshMs === this.#set.refreshMs) return;
    this.#set.refreshMs = refreshMs;
    if (!this.#isAsking) this.#schedule();
  }

  /** Whether the source has not answered without a fault yet. */
  get isAwaited(): boolean {
    return this.#isAwaited;
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#cancel();
    this.#publish("removed", true, undefined);
  }

  /** Resolves when it has answered, or its time is over. */
  async #ask(): Promise<void> {
    this.#isAsking = true;
    const { clock, ask } = this.#deps;
    let answer: SourceAnswer | undefined;
    const asked = ask().then((given) => {
      answer = given;
    });
    await settledWithin(asked, MAX_ASK_MS, clock);
    if (this.#isClosed) return;
    this.#take(answer ?? failed(`no answer within ${MAX_ASK_MS / 1_000} s`));
    background(
      asked.then(() => this.#schedule()),
      this.#deps.instance,
      "a source of instances",
    );
  }

  #schedule(): void {
    this.#isAsking = false;
    this.#cancel();
    if (this.#isClosed) return;
    const { kind } = this.source;
    const { refreshMs } = this.#set;
    const mostMs = kind === "file" ? FILE_POLL_MS : this.#isAwaited ? MAX_RETRY_MS : refreshMs;
    const delayMs = Math.min(mostMs, refreshMs);
    this.#cancel = this.#deps.clock.setTimer(delayMs, () =>
      background(this.#ask(), this.#deps.instance, "a source of instances"),
    );
  }

  #take(given: SourceAnswer): void {
    const { addresses, fault } = withinBounds(given);
    const isChanged = addresses !== undefined && this.#set.take(addresses, this.#deps.clock.now());
    const isFirst = this.#isAwaited && fault === undefined;
    if (isFirst) this.#isAwaited = false;
    const isNew = this.#last === undefined || this.#last.fault !== fault;
    this.#last = { fault };
    this.#publish(fault === undefined ? "found" : "failed", isNew, fault);
    if (isChanged || isFirst) this.#deps.onChange();
  }

  #publish(outcome: "found" | "failed" | "removed", isNew: boolean, detail: string | undefined): void {
    const { instance, service } = this.#deps;
    publish("instance-source", { instance, service, outcome, isNew, addresses: this.addresses.length, detail });
  }
}

/** More addresses are a fault, and change nothing: the first 10,000 of them may lack healthy instances that are known. */
function withinBounds(answer: SourceAnswer): SourceAnswer {
  if (answer.addresses === undefined || answer.addresses.length <= MAX_ADDRESSES) return answer;
  return failed(`the answer has ${answer.addresses.length} addresses; the limit is ${MAX_ADDRESSES}`);
}
