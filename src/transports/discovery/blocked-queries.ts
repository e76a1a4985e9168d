/**
 * Blocking queries: answers that wait until the index of their list is another one than the client's.
 *
 *     query, index = ours --> [ line of its service ] --+-- a change: a pass over the line --> another index? --> answer
 *                                                       +-- its time is over -----------------------------------> answer
 *                                                       +-- shutdown --------------------------> a pass --------> answer
 *                                                       '-- its client has gone: the slot is free at once
 *
 * One slot each, within one bound over all connections. Passes share the time of the server:
 * - 16 queries in a step; lines take turns. The next step waits for the answers of the step before.
 * - After a pass, the line rests for as long as the pass has taken from its first step. Meanwhile a query that need not wait
 *   for a change joins the next pass. So clients that ask again at once, for a service that flaps, leave half of the time
 *   to everything else.
 *
 * A query whose list becomes unknown stays blocked: its client keeps what it has.
 */
import { publish } from "../../core/channels.js";
import type { CancelTimer, Clock, Random } from "../../core/clock.js";
import type { FairTurns } from "../../core/fair-turns.js";
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
  cancelTimer: CancelTimer;
  isDue: boolean;
  /** It is answered also without a change. */
  isOver: boolean;
}

/** The queries about one service, or about all services. */
interface QueryLine {
  readonly service: string | undefined;
  readonly queries: Set<Blocked>;
  /** The queries that the next pass looks at. */
  due: Blocked[];
  /** The queries that this pass has not looked at. */
  pass: Blocked[];
  phase: "idle" | "pass" | "rest";
  passStartedAt: number;
  cancelRest: CancelTimer;
}

/** Queries that are blocked at once, over all connections. */
export const MAX_BLOCKED_QUERIES = 10_000;

/** The same for one HTTP/2 connection. */
const MAX_PER_CONNECTION = 100;

/** Queries that are looked at in one step. */
const QUERIES_PER_STEP = 16;

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
  readonly #counts = new WeakMap<object, number>();
  readonly #unwatch: () => void;
  #size = 0;
  #isScheduled = false;
  #isEnded = false;

  constructor(deps: BlockedQueriesDeps) {
    this.#deps = deps;
    this.#unwatch = deps.catalog.watchAll((changed) => {
      this.#markDue(undefined);
      for (const service of changed) this.#markDue(service);
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
    const blocked: Blocked = { ...query, cancelTimer: () => {}, isDue: false, isOver: false };
    blocked.cancelTimer = clock.setTimer(waitMs * (1 + random() * JITTER), () => this.#answer(blocked));
    const line = this.#lines.get(view.service) ?? emptyLine(view.service);
    this.#lines.set(view.service, line);
    line.queries.add(blocked);
    this.#size += 1;
    this.#count(connection, 1);
    if (view.index !== index) this.#enqueue(line, blocked);
    return () => void this.#remove(blocked);
  }

  /** Answers all that are blocked. */
  answerAll(): void {
    for (const line of this.#lines.values()) {
      for (const blocked of line.queries) blocked.isOver = true;
      if (line.phase === "rest") this.#endRest(line);
      this.#markDue(line.service);
    }
  }

  /** Answers all, and watches the catalog no more. Calling it again does nothing. */
  end(): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    this.#unwatch();
    this.answerAll();
  }

  #markDue(service: string | undefined): void {
    const line = this.#lines.get(service);
    if (line === undefined) return;
    for (const blocked of line.queries) if (!blocked.isDue) this.#enqueue(line, blocked);
  }

  #enqueue(line: QueryLine, blocked: Blocked): void {
    blocked.isDue = true;
    line.due.push(blocked);
    if (line.phase === "idle") this.#startPass(line);
  }

  #startPass(line: QueryLine): void {
    line.phase = "pass";
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
    for (let left = QUERIES_PER_STEP; left > 0; ) {
      const line = this.#passing.shift();
      if (line === undefined) return;
      if (line.pass.length === 0) {
        [line.pass, line.due] = [line.due, []];
        line.passStartedAt = this.#deps.clock.now();
      }
      const looked = line.pass.splice(0, left);
      for (const blocked of looked) this.#look(blocked);
      left -= Math.max(1, looked.length);
      if (line.pass.length > 0) this.#passing.push(line);
      else this.#startRest(line);
    }
    this.#schedule();
  }

  #look(blocked: Blocked): void {
    const { view, index, isOver } = blocked;
    blocked.isDue = false;
    if (isOver || (view.index !== index && view.isKnown)) this.#answer(blocked);
  }

  #startRest(line: QueryLine): void {
    const { clock } = this.#deps;
    const tookMs = clock.now() - line.passStartedAt;
    line.phase = "rest";
    if (tookMs < 1 || this.#isEnded) this.#endRest(line);
    else line.cancelRest = clock.setTimer(Math.min(tookMs, MAX_REST_MS), () => this.#endRest(line));
  }

  #endRest(line: QueryLine): void {
    line.cancelRest();
    line.phase = "idle";
    if (line.due.length > 0) this.#startPass(line);
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
    blocked.cancelTimer();
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
  const queries = new Set<Blocked>();
  return { service, queries, due: [], pass: [], phase: "idle", passStartedAt: 0, cancelRest: () => {} };
}
