/**
 * A client of any `grpc.health.v1` service.
 *
 *     const client = new HealthClient("orders:50051");
 *     await client.check("acme.Orders");                                        // "SERVING"
 *     await client.list();                                                      // Map { "" => "SERVING", ... }
 *     for await (const { status } of client.watch("acme.Orders")) { ... }
 *     await client.close();
 *
 * All calls share one connection, which does not keep the process alive between them.
 */
import type { DurationLike } from "../core/duration.js";
import { HealthError, HealthTypeError, messageOf } from "../core/health-error.js";
import { requireKnownOptions } from "../core/option.js";
import { OptionError } from "../core/option-error.js";
import { MAX_SERVICE_NAME_BYTES } from "../core/service-name.js";
import type { WatchStatus } from "../core/serving-status.js";
import { statusOf } from "../wire/health-messages.js";
import { BrokenCall } from "./broken-call.js";
import { type MetadataFields, metadataFieldsOf } from "./grpc-head.js";
import { callErrorOf, type HealthCallError } from "./health-call-error.js";
import {
  type HealthClientOptions,
  type HealthClientSettings,
  readClientOptions,
  readDuration,
} from "./health-client-options.js";
import { type CallTerms, HealthStub } from "./health-stub.js";
import { type HealthUpdateIterator, HealthUpdates } from "./health-updates.js";

/** Options of one call. */
export interface HealthCallOptions {
  /** Deadline. Default: that of the client. */
  readonly timeout?: DurationLike | undefined;
  /** Ends the call, which rejects with the reason of the signal. */
  readonly signal?: AbortSignal | undefined;
  /** Metadata beside that of the client. */
  readonly metadata?: Readonly<Record<string, string>> | undefined;
}

/** Options of a Watch. */
export type HealthWatchOptions = Omit<HealthCallOptions, "timeout">;

const WATCH_OPTIONS = ["signal", "metadata"] as const;
const CALL_OPTIONS = ["timeout", ...WATCH_OPTIONS] as const;

export class HealthClient {
  readonly #target: string;
  readonly #settings: HealthClientSettings;
  readonly #stub: HealthStub;
  readonly #updates = new Set<HealthUpdates>();
  #isClosed = false;

  /**
   * Makes no connection: the first call does. For new certificates, make a new client.
   * @param target `HOST:PORT`, `[IPV6]:PORT` or `unix:/PATH`
   * @throws HealthError INVALID_TARGET, INVALID_OPTION; TLS_FAILED for a certificate or key that cannot be used
   */
  constructor(target: string, options: HealthClientOptions = {}) {
    this.#settings = readClientOptions(target, options);
    this.#target = target;
    this.#stub = new HealthStub(this.#settings.stub);
  }

  /**
   * Asks for the status of a service, by default that of the server as a whole. Resolves with `SERVICE_UNKNOWN` when the
   * server does not know the service (NOT_FOUND).
   * @throws HealthCallError (code CALL_FAILED) when there is no status; the reason of the signal when it is aborted;
   *   HealthError INVALID_SERVICE_NAME, INVALID_OPTION, ALREADY_STOPPED
   */
  async check(service = "", options: HealthCallOptions = {}): Promise<WatchStatus> {
    requireName(service);
    const call = this.#nameOf("Check", service);
    const answer = await this.#call(call, options, (terms) => this.#stub.check(service, terms));
    if ("code" in answer) {
      if (answer.code === "NOT_FOUND") return "SERVICE_UNKNOWN";
      throw callErrorOf(call, answer);
    }
    if (answer.status === "unreadable") throw unreadable(call, "HealthCheckResponse");
    return answer.status;
  }

  /**
   * Asks for all services and their statuses. A status that the protocol lacks is `UNKNOWN`. Many servers have no List:
   * the code of the error is `UNIMPLEMENTED` then.
   * @throws as `check` does
   */
  async list(options: HealthCallOptions = {}): Promise<ReadonlyMap<string, WatchStatus>> {
    const call = this.#nameOf("List", "");
    const answer = await this.#call(call, options, (terms) => this.#stub.list(terms));
    if ("code" in answer) throw callErrorOf(call, answer);
    if (answer.statuses === "unreadable") throw unreadable(call, "HealthListResponse");
    return new Map([...answer.statuses].map(([name, number]) => [name, statusOf(number) ?? "UNKNOWN"]));
  }

  /**
   * Watches a service: an iterator over its statuses, the present one first, then each change. It connects again after
   * each end of the Watch, with the back-off of gRFC A17, and gives `TRANSIENT_FAILURE` meanwhile. A consumer that is
   * slow gets the newest update alone.
   *
   * The Watch starts with the first `next()`. It ends with `break`, `return()` or `close()`. `next()` rejects with
   * HealthCallError UNIMPLEMENTED when the server has no Watch, and with the reason of the signal when it is aborted.
   *
   * When the server sends nothing for `keepalive`, a Check shows whether it still answers.
   * @throws HealthError INVALID_SERVICE_NAME, INVALID_OPTION, ALREADY_STOPPED
   */
  watch(service = "", options: HealthWatchOptions = {}): HealthUpdateIterator {
    requireName(service);
    this.#requireOpen("watch");
    requireKnownOptions("watch", options, WATCH_OPTIONS);
    const { signal } = options;
    requireSignal(signal);
    const { timeoutMs, keepaliveMs, stub } = this.#settings;
    const terms = {
      ...{ timeoutMs, metadata: metadataFieldsOf(options.metadata) },
      times: { clock: stub.clock, silenceMs: keepaliveMs, answerMs: timeoutMs },
    };
    const onAbort = () => updates.fail(signal?.reason);
    const updates = new HealthUpdates({
      ...{ clock: stub.clock, random: stub.random, call: this.#nameOf("Watch", service) },
      run: (cancelled, onStatus) => this.#stub.runWatch(service, { ...terms, signal: cancelled }, onStatus),
      onClose: () => {
        signal?.removeEventListener("abort", onAbort);
        this.#updates.delete(updates);
      },
    });
    this.#updates.add(updates);
    if (signal?.aborted === true) onAbort();
    else signal?.addEventListener("abort", onAbort, { once: true });
    return updates;
  }

  /** Ends the connection. Calls that run reject with `CANCELLED`, and iterators end. */
  async close(): Promise<void> {
    this.#isClosed = true;
    for (const updates of [...this.#updates]) updates.close();
    this.#stub.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #call<Answer>(
    call: string,
    options: HealthCallOptions,
    ask: (terms: CallTerms) => Promise<Answer>,
  ): Promise<Answer> {
    this.#requireOpen("the call");
    requireKnownOptions("a call", options, CALL_OPTIONS);
    const { signal } = options;
    requireSignal(signal);
    const timeoutMs = readDuration("timeout", options.timeout, this.#settings.timeoutMs);
    const metadata: MetadataFields = [...metadataFieldsOf(options.metadata), ["grpc-timeout", timeoutText(timeoutMs)]];
    signal?.throwIfAborted();
    const late = new DOMException(`no answer within ${timeoutMs} ms`, "TimeoutError");
    const abort = new AbortController();
    const onAbort = () => abort.abort(signal?.reason);
    signal?.addEventListener("abort", onAbort, { once: true });
    const cancelTimer = this.#settings.stub.clock.setTimer(timeoutMs, () => abort.abort(late));
    try {
      return await ask({ timeoutMs, signal: abort.signal, metadata });
    } catch (error) {
      if (signal?.aborted === true) throw signal.reason;
      throw abort.signal.aborted ? lateError(call, late, error) : callErrorOf(call, toError(error));
    } finally {
      cancelTimer();
      signal?.removeEventListener("abort", onAbort);
    }
  }

  #requireOpen(method: string): void {
    if (this.#isClosed) throw new HealthError("ALREADY_STOPPED", `${method} came after close()`);
  }

  #nameOf(method: string, service: string): string {
    return `${method}${service === "" ? "" : ` of ${JSON.stringify(service)}`} at ${this.#target}`;
  }
}

function requireName(service: unknown): void {
  const fault =
    typeof service !== "string"
      ? "must be a text"
      : Buffer.byteLength(service) > MAX_SERVICE_NAME_BYTES
        ? `must have at most ${MAX_SERVICE_NAME_BYTES} bytes of UTF-8`
        : undefined;
  if (fault !== undefined) throw new HealthTypeError("INVALID_SERVICE_NAME", `the service ${fault}`);
}

function requireSignal(signal: unknown): void {
  if (signal !== undefined && !(signal instanceof AbortSignal))
    throw new OptionError(["signal"], "must be an AbortSignal");
}

function unreadable(call: string, message: string): HealthCallError {
  return callErrorOf(call, { code: "INTERNAL", text: `the answer has no ${message} that can be read` });
}

/** The cause says more than the time, when there is no connection yet. */
function lateError(call: string, late: Error, error: unknown): HealthCallError {
  const cause = error instanceof BrokenCall ? late : toError(error);
  return callErrorOf(call, { code: "DEADLINE_EXCEEDED", text: messageOf(cause) });
}

function toError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(messageOf(thrown));
}

/** At most eight digits (grpc/grpc doc/PROTOCOL-HTTP2.md, "Requests"). */
function timeoutText(timeoutMs: number): string {
  return timeoutMs < 100_000_000 ? `${Math.ceil(timeoutMs)}m` : `${Math.ceil(timeoutMs / 1_000)}S`;
}
