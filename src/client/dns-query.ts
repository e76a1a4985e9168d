/**
 * Asks name servers one question, so that a server that is dead or slow costs little of a probe's deadline.
 *
 *     0 ms    first server  --- answer --> done
 *     300 ms  second server     (at once when the first one fails)       every server that was asked may still answer
 *     600 ms  first server, once more ...
 *
 * A server that has missed two queries in a row is asked last for 30 s. An answer without a record counts only when the
 * servers that stand before in the configuration have answered too, have failed, or had 500 ms: they may know names that
 * others do not know.
 */
import type { CancelTimer, Clock } from "../core/clock.js";
import { DnsAttempt, DnsError, type NameServer, type QueryOptions, type Settle } from "./dns-attempt.js";
import { type DnsResponse, NAME_ERROR, NO_ERROR, type Question } from "./dns-message.js";

/** The next server is asked when there was no answer for so long. */
const NEXT_SERVER_MS = 300;

/** A server that stands before in the configuration may contradict an answer without a record for so long. */
const CONTRADICTION_MS = 500;

/** A server that has missed so many queries in a row is asked last. */
const MAX_MISSED = 2;
const LAST_FOR_MS = 30_000;

/** Which servers have not answered lately. */
export class ServerHistory {
  readonly #clock: Clock;
  readonly #missed = new Map<string, { count: number; at: number }>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** The servers that answer before those that do not. */
  order(servers: readonly NameServer[]): readonly NameServer[] {
    const isLast = (server: NameServer) => {
      const { count = 0, at = 0 } = this.#missed.get(keyOf(server)) ?? {};
      return count >= MAX_MISSED && this.#clock.now() - at < LAST_FOR_MS;
    };
    return [...servers.filter((server) => !isLast(server)), ...servers.filter(isLast)];
  }

  answered(server: NameServer): void {
    this.#missed.delete(keyOf(server));
  }

  missed(server: NameServer): void {
    const count = (this.#missed.get(keyOf(server))?.count ?? 0) + 1;
    this.#missed.set(keyOf(server), { count, at: this.#clock.now() });
  }
}

function keyOf({ address, port }: NameServer): string {
  return `${address} ${port}`;
}

/**
 * Asks a question. It does not keep the process alive.
 * @returns an answer with the code NO_ERROR or NAME_ERROR
 * @throws DnsError or an error of a socket, when no server answers
 */
export function queryServers(
  question: Question,
  options: QueryOptions,
  history: ServerHistory,
  signal?: AbortSignal,
): Promise<DnsResponse> {
  return new Promise((resolve, reject) => {
    const query = new Query(question, options, history, { resolve, reject });
    if (signal === undefined) return;
    const cancel = () => query.fail(new DnsError("ECANCELLED", "the deadline is over"));
    if (signal.aborted) cancel();
    else signal.addEventListener("abort", cancel, { once: true });
    query.onEnd = () => signal.removeEventListener("abort", cancel);
  });
}

class Query {
  /** Called once, last. */
  onEnd: () => void = () => {};
  readonly #question: Question;
  readonly #options: QueryOptions;
  readonly #history: ServerHistory;
  readonly #settle: Settle;
  /** The servers to ask, each as often as it may be asked. */
  readonly #queue: NameServer[];
  readonly #attempts: DnsAttempt[] = [];
  readonly #errors: Error[] = [];
  #negative: { readonly response: DnsResponse; readonly rank: number } | undefined;
  #cancelTimer: CancelTimer = () => {};
  #isOver = false;

  constructor(question: Question, options: QueryOptions, history: ServerHistory, settle: Settle) {
    this.#question = question;
    this.#options = options;
    this.#history = history;
    this.#settle = settle;
    const order = history.order(options.servers);
    this.#queue = Array.from({ length: options.attempts }, () => order).flat();
    this.#next();
  }

  /** Ends the query without an answer. */
  fail(error: Error): void {
    if (this.#end()) this.#settle.reject(error);
  }

  /** Asks the next server, if there is one. */
  #next(): void {
    this.#cancelTimer();
    const server = this.#queue.shift();
    if (server !== undefined) this.#ask(server);
    else if (this.#attempts.every(({ isOver }) => isOver)) this.#giveUp();
    if (!this.#isOver && server !== undefined && this.#queue.length > 0)
      this.#cancelTimer = this.#options.clock.setTimer(NEXT_SERVER_MS, () => this.#next());
  }

  #ask(server: NameServer): void {
    const attempt = new DnsAttempt(server, this.#question, this.#options, {
      resolve: (response) => this.#onAnswer(server, response),
      reject: (error) => this.#onError(server, error),
    });
    this.#attempts.push(attempt);
    attempt.start();
  }

  #onAnswer(server: NameServer, response: DnsResponse): void {
    this.#history.answered(server);
    if (response.code !== NO_ERROR && response.code !== NAME_ERROR)
      this.#onFailure(
        new DnsError("ESERVFAIL", `the name server ${server.address} answered with code ${response.code}`),
      );
    else if (response.isReferral)
      this.#onFailure(new DnsError("ESERVFAIL", `the name server ${server.address} does not resolve names`));
    else if (response.records.length > 0) this.#succeed(response);
    else this.#onNegative(server, response);
  }

  #onError(server: NameServer, error: Error): void {
    if (error instanceof DnsError && error.code === "ETIMEOUT") this.#history.missed(server);
    this.#onFailure(error);
  }

  #onFailure(error: Error): void {
    this.#errors.push(error);
    if (this.#negative !== undefined) this.#decideNegative();
    else this.#next();
  }

  /** Every server that stands before this one in the configuration is asked, before its answer counts. */
  #onNegative(server: NameServer, response: DnsResponse): void {
    const rank = this.#options.servers.indexOf(server);
    if (this.#negative !== undefined && this.#negative.rank <= rank) return;
    this.#negative = { response, rank };
    this.#cancelTimer();
    for (const earlier of this.#options.servers.slice(0, rank))
      if (!this.#attempts.some((attempt) => attempt.server === earlier)) this.#ask(earlier);
    this.#decideNegative();
  }

  /** @param isInputRead what has arrived before is read: an answer of an earlier server may have waited for that */
  #decideNegative(isInputRead = false): void {
    this.#cancelTimer();
    const { response, rank } = this.#negative ?? {};
    if (response === undefined || this.#isOver) return;
    const earlier = this.#options.servers.slice(0, rank);
    const waits = this.#attempts
      .filter(({ isOver, server }) => !isOver && earlier.includes(server))
      .map(({ startedAt }) => startedAt + CONTRADICTION_MS - this.#options.clock.now());
    const waitMs = Math.max(0, ...waits);
    if (waits.length === 0 || (isInputRead && waitMs === 0)) this.#succeed(response);
    else this.#cancelTimer = this.#options.clock.setTimer(waitMs, () => this.#decideNegative(true));
  }

  #succeed(response: DnsResponse): void {
    // the servers that another one has overtaken
    const silent = new Set(this.#attempts.filter(({ isOver }) => !isOver).map(({ server }) => server));
    if (!this.#end()) return;
    for (const server of silent) this.#history.missed(server);
    this.#settle.resolve(response);
  }

  /** An answer of a server, also a bad one, says more than silence. */
  #giveUp(): void {
    const [first] = this.#errors;
    const spoken = this.#errors.find((error) => error instanceof DnsError && error.code !== "ETIMEOUT");
    this.fail(spoken ?? first ?? new DnsError("ETIMEOUT", "no name server answers"));
  }

  #end(): boolean {
    if (this.#isOver) return false;
    this.#isOver = true;
    this.#cancelTimer();
    for (const attempt of this.#attempts) attempt.close();
    this.onEnd();
    return true;
  }
}
