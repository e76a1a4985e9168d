/**
 * Blocking queries: answers that wait until the index of their list is another one than the client's.
 *
 *     query, index = ours --> [ blocked ] --+-- a change of its service --> a later turn: another index? --> answer
 *                                           +-- its time is over ------------------------------------------> answer
 *                                           +-- shutdown -------------------------------------------------> answer
 *                                           '-- its client has gone: the slot is free at once
 *
 * One slot each, within one bound over all connections. A change costs one pass over the queries of its service, 64 in a
 * step, and each step waits for the answers of the step before. While a pass goes on, a query that need not wait for a
 * change takes its place at the end of the line: clients that ask again at once do not keep the server from others.
 *
 * A query whose list becomes unknown stays blocked: its client keeps what it has.
 */
import { publish } from "../../core/channels.js";
import type { CancelTimer, Clock, Random } from "../../core/clock.js";
import type { FairTurns } from "../../core/fair-turns.js";
import type { InstanceCatalog } from "../../instances/catalog.js";
import type { View } from "./view.js";

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
  readonly view: View;
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

/** Queries that are blocked at once, over all connections. Each costs about 1 KB beside its connection. */
export const MAX_BLOCKED_QUERIES = 10_000;

/** The same for one HTTP/2 connection. */
const MAX_PER_CONNECTION = 100;

/** Queries that are looked at in one step. */
const QUERIES_PER_STEP = 64;

/** As in Consul, a wait is longer by up to a sixteenth: clients that came together do not come back together. */
const JITTER = 1 / 16;

export class BlockedQueries {
  readonly #deps: BlockedQueriesDeps;
  /** By the services that they are about; `undefined`: all services. */
  readonly #blocked = new Map<string | undefined, Set<Blocked>>();
  readonly #counts = new WeakMap<object, number>();
  readonly #unwatch: () => void;
  #size = 0;
  #due: Blocked[] = [];
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

  /** Whether queries wait for their answers in line. */
  get isBusy(): boolean {
    return this.#due.length > 0;
  }

  /** Adds a query: to the line if its index is not ours. Returns a function that cancels it, and does nothing later. */
  add(query: BlockingQuery): () => void {
    const blocked: Blocked = { ...query, cancelTimer: () => {}, isDue: false, isOver: false };
    const { clock, random } = this.#deps;
    const waitMs = query.waitMs * (1 + random() * JITTER);
    blocked.cancelTimer = clock.setTimer(waitMs, () => this.#answer(blocked));
    const { service } = query.view;
    const others = this.#blocked.get(service) ?? new Set();
    this.#blocked.set(service, others.add(blocked));
    this.#size += 1;
    this.#count(query.connection, 1);
    if (query.view.index !== query.index) this.#enqueue(blocked);
    return () => void this.#remove(blocked);
  }

  /** Answers all that are blocked, over some turns. */
  answerAll(): void {
    for (const queries of this.#blocked.values()) for (const blocked of queries) blocked.isOver = true;
    for (const service of this.#blocked.keys()) this.#markDue(service);
  }

  /** Answers all, and watches the catalog no more. Calling it again does nothing. */
  end(): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    this.#unwatch();
    this.answerAll();
  }

  #markDue(service: string | undefined): void {
    for (const blocked of this.#blocked.get(service) ?? []) if (!blocked.isDue) this.#enqueue(blocked);
  }

  #enqueue(blocked: Blocked): void {
    blocked.isDue = true;
    this.#due.push(blocked);
    this.#schedule();
  }

  /** A new share is light, and behind the answers of the step before: so few answers wait at a time, and others get turns. */
  #schedule(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    this.#deps.turns.open().queue(() => this.#lookAtDue());
  }

  #lookAtDue(): void {
    this.#isScheduled = false;
    for (const blocked of this.#due.splice(0, QUERIES_PER_STEP)) {
      blocked.isDue = false;
      const { view, index, isOver } = blocked;
      if (isOver || (view.index !== index && view.isKnown)) this.#answer(blocked);
    }
    if (this.#due.length > 0) this.#schedule();
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
    const { service } = blocked.view;
    const others = this.#blocked.get(service);
    if (others?.delete(blocked) !== true) return false;
    if (others.size === 0) this.#blocked.delete(service);
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
