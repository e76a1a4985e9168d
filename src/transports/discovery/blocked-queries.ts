/**
 * Blocking queries: answers that wait until the index of their list is another one than the client's.
 *
 *     query, index = ours --> [ line of its service ] --+-- a change: a pass over the line --> another index? --> answer
 *                                                       +-- its time is over -----------------------------------> answer
 *                                                       +-- shutdown --------------------------> a pass --------> answer
 *                                                       '-- its client has gone: the slot is free at once
 *
 * One slot each, within one bound over all connections. Passes share the time of the server:
 * - A change marks its line, and costs the same for one query as for 10,000. A pass walks along the line.
 * - 8 answers in a step; lines take turns. The next step waits for the answers of the step before. Queries whose time is
 *   over are answered in the same steps.
 * - After a pass, the line rests for as long as the pass has taken from its first step. Meanwhile a query that need not wait
 *   for a change joins the next pass. So clients that ask again at once, for a service that flaps, leave half of the time
 *   to everything else.
 *
 * A query whose list becomes unknown stays blocked: its client keeps what it has.
 */
import { publish } from "../../core/channels.js";
import type { CancelTimer, Clock, Random } from "../../core/clock.js";
import type { FairTurns } from "../../core/fair-turns.js";
import { type Timer, TimerQueue } from "../../core/timer-queue.js";
import type { InstanceCatalog } from "../../instances/catalog.js";
import type { ListView } from "./view.js";

export interface BlockedQueriesDeps {
  readonly catalog: InstanceCatalog;
  readonly clock: Clock;
  readonly random: Random;
  /** Those of the server. */
  readonly turns: FairTurns;
  /** The `Health` whose messages are published. */
  readonly instance: string;
}

export interface BlockingQuery {
  readonly view: ListView;
  readonly index: number;
  readonly waitMs: number;
  /** The connection of a client that may ask many questions at once (HTTP/2). */
  readonly connection: object | undefined;
  /** Answers with what is true by then. Called once, unless the query is cancelled before. */
  readonly answer: () => void;
}

interface Blocked extends BlockingQuery {
  readonly timer: Timer;
  /** It is answered also without a change. */
  isOver: boolean;
}

/** The queries about one service, or about all services. */
interface QueryLine {
  readonly service: string | undefined;
  /** In the order in which they came. */
  readonly queries: Set<Blocked>;
  /** The next pass looks at every query, not only at those that are due. */
  isChanged: boolean;
  /** The queries that need not wait for a change. */
  due: Blocked[];
  /** The queries that this pass has not looked at, and their number: later ones are for the next pass. */
  pass: Iterator<Blocked, undefined> | undefined;
  passLeft: number;
  /** `queued`: its pass begins with its next step. */
  phase: "idle" | "queued" | "pass" | "rest";
  passStartedAt: number;
  cancelRest: CancelTimer;
}

/** Queries that are blocked at once, over all connections. */
export const MAX_BLOCKED_QUERIES = 10_000;

/** The same for one HTTP/2 connection. */
const MAX_PER_CONNECTION = 100;

/** Queries that are answered in one step, and those that are looked at. A look without an answer takes about 0.2 us. */
const ANSWERS_PER_STEP = 8;
const LOOKS_PER_STEP = 512;

/** The longest rest after a pass. */
const MAX_REST_MS = 1_000;

/** As in Consul, a wait is longer by up to a sixteenth: clients that came together do not come back together. */
const JITTER = 1 / 16;

export class BlockedQueries {
  readonly #deps: BlockedQueriesDeps;
  /** By their services. */
  readonly #lines = new Map<string | undefined, QueryLine>();
  /** The lines with a pass, in the order of their next steps. */
  readonly #passing: QueryLine[] = [];
  /** The queries whose time is over, in the order of their answers. */
  #overdue: Blocked[] = [];
  readonly #timers: TimerQueue;
  readonly #counts = new WeakMap<object, number>();
  readonly #unwatch: () => void;
  #size = 0;
  #isScheduled = false;
  #isEnded = false;

  constructor(deps: BlockedQueriesDeps) {
    this.#deps = deps;
    this.#timers = new TimerQueue(deps.clock);
    this.#unwatch = deps.catalog.watchAll((changed) => {
      this.#markChanged(undefined);
      for (const service of changed) this.#markChanged(service);
    });
  }

  /** The number of blocked queries. */
  get size(): number {
    return this.#size;
  }

  /** Whether `end` was called. */
  get isEnded(): boolean {
    return this.#isEnded;
  }

  /** Whether one more of this connection is too many. */
  isFull(connection: object | undefined): boolean {
    return this.#size >= MAX_BLOCKED_QUERIES || this.#countOf(connection) >= MAX_PER_CONNECTION;
  }

  /** Whether a query about a service should join its line also when it need not wait for a change. */
  isBusy(service: string | undefined): boolean {
    return (this.#lines.get(service)?.phase ?? "idle") !== "idle";
  }

  /** Adds a query. Returns a function that cancels it, and does nothing after the answer. */
  add(query: BlockingQuery): () => void {
    const { clock, random } = this.#deps;
    const { view, index, waitMs, connection } = query;
    const timer = this.#timers.create(() => this.#onTimeOver(blocked));
    const blocked: Blocked = { ...query, timer, isOver: false };
    timer.at(clock.now() + waitMs * (1 + random() * JITTER));
    const line = this.#lines.get(view.service) ?? emptyLine(view.service);
    this.#lines.set(view.service, line);
    line.queries.add(blocked);
    this.#size += 1;
    this.#count(connection, 1);
    if (view.index !== index) {
      line.due.push(blocked);
      this.#startPass(line);
    }
    return () => void this.#remove(blocked);
  }

  /** Answers all that are blocked. */
  answerAll(): void {
    for (const line of this.#lines.values()) {
      for (const blocked of line.queries) blocked.isOver = true;
      if (line.phase === "rest") this.#endRest(line);
      this.#markChanged(line.service);
    }
  }

  /** Answers all, and watches the catalog no more. Calling it again does nothing. */
  end(): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    this.#unwatch();
    this.answerAll();
  }

  #markChanged(service: string | undefined): void {
    const line = this.#lines.get(service);
    if (line === undefined) return;
    line.isChanged = true;
    this.#startPass(line);
  }

  #onTimeOver(blocked: Blocked): void {
    blocked.isOver = true;
    this.#overdue.push(blocked);
    this.#schedule();
  }

  /** A line that passes or rests starts its next pass later. */
  #startPass(line: QueryLine): void {
    if (line.phase !== "idle") return;
    line.phase = "queued";
    this.#passing.push(line);
    this.#schedule();
  }

  /** A new share of the turns is light, and behind the answers of the step before. */
  #schedule(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    this.#deps.turns.open().queue(() => this.#step());
  }

  #step(): void {
    this.#isScheduled = false;
    // at most half of a step: the other half is for lines
    const overdue = this.#overdue.splice(0, ANSWERS_PER_STEP / 2);
    for (const blocked of overdue) this.#answer(blocked);
    let answersLeft = ANSWERS_PER_STEP - overdue.length;
    for (let looksLeft = LOOKS_PER_STEP; answersLeft > 0 && looksLeft > 0; looksLeft -= 1) {
      const line = this.#passing[0];
      if (line === undefined) break;
      const blocked = this.#next(line);
      if (blocked === undefined) this.#startRest(line);
      else if (this.#isDue(blocked)) {
        this.#answer(blocked);
        answersLeft -= 1;
      }
    }
    const line = this.#passing.shift();
    if (line !== undefined) this.#passing.push(line);
    if (this.#passing.length + this.#overdue.length > 0) this.#schedule();
  }

  /** The next query of the pass of a line; `undefined` after the last one. */
  #next(line: QueryLine): Blocked | undefined {
    if (line.phase === "queued") this.#beginPass(line);
    if (line.passLeft === 0) return undefined;
    line.passLeft -= 1;
    return line.pass?.next().value;
  }

  #beginPass(line: QueryLine): void {
    line.pass = (line.isChanged ? line.queries : line.due).values();
    line.passLeft = line.isChanged ? line.queries.size : line.due.length;
    [line.isChanged, line.due] = [false, []];
    line.phase = "pass";
    line.passStartedAt = this.#deps.clock.now();
  }

  #isDue({ view, index, isOver }: Blocked): boolean {
    return isOver || (view.index !== index && view.isKnown);
  }

  /** After the pass of the first line in turn. */
  #startRest(line: QueryLine): void {
    const { clock } = this.#deps;
    this.#passing.shift();
    line.pass = undefined;
    const tookMs = clock.now() - line.passStartedAt;
    line.phase = "rest";
    if (tookMs < 1 || this.#isEnded) this.#endRest(line);
    else line.cancelRest = clock.setTimer(Math.min(tookMs, MAX_REST_MS), () => this.#endRest(line));
  }

  #endRest(line: QueryLine): void {
    line.cancelRest();
    line.phase = "idle";
    if (line.due.length > 0 || line.isChanged) this.#startPass(line);
    else if (line.queries.size === 0) this.#lines.delete(line.service);
  }

  /** One query that throws must not keep the others from their answers, nor end the process. */
  #answer(blocked: Blocked): void {
    if (!this.#remove(blocked)) return;
    try {
      blocked.answer();
    } catch (error) {
      publish("fault", { instance: this.#deps.instance, where: "a blocking query", error });
    }
  }

  #remove(blocked: Blocked): boolean {
    const line = this.#lines.get(blocked.view.service);
    if (line?.queries.delete(blocked) !== true) return false;
    if (line.queries.size === 0 && line.phase === "idle") this.#lines.delete(line.service);
    blocked.timer.cancel();
    this.#size -= 1;
    this.#count(blocked.connection, -1);
    return true;
  }

  #countOf(connection: object | undefined): number {
    return connection === undefined ? 0 : (this.#counts.get(connection) ?? 0);
  }

  #count(connection: object | undefined, change: number): void {
    if (connection !== undefined) this.#counts.set(connection, this.#countOf(connection) + change);
  }
}

function emptyLine(service: string | undefined): QueryLine {
  const times = { passLeft: 0, passStartedAt: 0, cancelRest: () => {} };
  return { service, queries: new Set(), isChanged: false, due: [], pass: undefined, phase: "idle", ...times };
}
