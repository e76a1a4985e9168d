/**
 * The calls of `grpc.health.v1` on a connection that is made when it is needed and reused (`reused-connection`). The prober
 * and `HealthClient` make theirs with it.
 *
 *     check, list   one answer
 *     runWatch      every status, until the call ends; connects if needed
 *     watch         every status, on the connection that check has made
 *
 * After GOAWAY the target still answers the open calls. The next call opens a new connection. This is not a failure.
 */
import type { WatchStatus } from "../core/serving-status.js";
import type { TokenRate } from "../core/token-bucket.js";
import {
  HEALTH_SERVICE,
  readHealthCheckResponse,
  readHealthListResponse,
  writeHealthCheckRequest,
} from "../wire/health-messages.js";
import type { TargetAddress } from "./connection-attempts.js";
import { type CallRequest, type CallStatus, callUnary, type SingleAnswer, startCall } from "./grpc-call.js";
import { type CallTarget, encodeCallHead, type MetadataFields, metadataFieldsOf, serverNamesOf } from "./grpc-head.js";
import { Http2Connection } from "./http2-connection.js";
import { ReusedConnection, type ReuseOptions } from "./reused-connection.js";
import { TargetSocket } from "./target-socket.js";
import { type TlsClientOptions, tlsOptions } from "./tls-options.js";
import { WatchSession, type WatchTimes } from "./watch-session.js";

/** Where a health service is, how it is called, and how long a connection to it is kept. */
export type HealthStubOptions = TargetAddress & HealthStubSettings;

interface HealthStubSettings extends ReuseOptions {
  /** TLS, where the target speaks it. */
  readonly tls: TlsClientOptions | undefined;
  readonly readBuffer: Buffer;
  /** The `:authority` of calls, see `grpc-head`. */
  readonly authority?: string | undefined;
  /** Metadata of calls. The value of a key that ends with `-bin` is base64. */
  readonly metadata?: Readonly<Record<string, string>> | undefined;
  /** What the target may send. Default: what the Checks of a prober need. */
  readonly frameRate?: TokenRate | undefined;
}

export interface CallTerms {
  /** Milliseconds until the caller ends the call: half of it may go to one address of several. */
  readonly timeoutMs: number;
  /**
   * Ends the call alone, and not its connection. With a TimeoutError as its reason, as `AbortSignal.timeout` has it, a
   * connection on which nothing was answered meanwhile gets no further call.
   */
  readonly signal?: AbortSignal | undefined;
  /** Metadata of this call, beside those of all calls. */
  readonly metadata?: MetadataFields | undefined;
}

/** A status that a target reports; `unreadable` for a message that is none. */
export type ReportedStatus = WatchStatus | "unreadable";

/** The answer to a Check: a status, or how the call ended instead. */
export type CheckAnswer = { readonly status: ReportedStatus } | CallStatus;

/** The answer to a List: the numbers of all statuses, or how the call ended instead. */
export type ListAnswer = { readonly statuses: ReadonlyMap<string, number> | "unreadable" } | CallStatus;

/** Receives what comes of a Watch. */
export interface WatchListener {
  /** Throws to end the Watch. */
  onStatus(status: ReportedStatus): void;
  /** Called once, after the last status: how the call ended, or why there was none. */
  onEnd(end: CallStatus | Error): void;
}

/** The limit of gRPC clients. A List of 10,000 services with the longest names fits. */
const MAX_LIST_BYTES = 4_194_304;

type StubMethod = "Check" | "List" | "Watch";

export class HealthStub {
  readonly #connection: ReusedConnection<Http2Connection>;
  readonly #target: Omit<CallTarget, "path">;
  readonly #heads: Readonly<Record<StubMethod, Buffer>>;

  /**
   * @throws HealthError TLS_FAILED for a certificate or key that cannot be read, INVALID_OPTION for an authority or
   * metadata that cannot be sent
   */
  constructor(options: HealthStubOptions) {
    const { tls, clock, frameRate } = options;
    const address = "path" in options ? undefined : options;
    const { authority, tlsName } = serverNamesOf({ ...options, address, serverName: tls?.serverName });
    const scheme = tls === undefined ? "http" : "https";
    this.#target = { scheme, authority, metadata: metadataFieldsOf(options.metadata) };
    const to = { ...options, tls: tls === undefined ? undefined : tlsOptions(tlsName, tls, ["h2"]) };
    const open = (timeoutMs: number) => new Http2Connection(new TargetSocket(to, timeoutMs), clock, frameRate);
    this.#heads = { Check: this.#headOf("Check"), List: this.#headOf("List"), Watch: this.#headOf("Watch") };
    this.#connection = new ReusedConnection(open, options);
  }

  /** When the certificate of the last connection ends, in wall time; `undefined` without TLS. */
  get certificateEndsAt(): number | undefined {
    return this.#connection.certificateEndsAt;
  }

  /** Makes one Check. Rejects with an error of the system or a BrokenCall when no answer came. */
  async check(service: string, terms: CallTerms): Promise<CheckAnswer> {
    const answer = await this.#call(this.#request("Check", service, terms), terms);
    if ("code" in answer) return answer;
    const { message } = answer;
    return { status: (message && readHealthCheckResponse(message)) ?? "unreadable" };
  }

  /** Asks for all services and their statuses. Rejects as `check` does. */
  async list(terms: CallTerms): Promise<ListAnswer> {
    const request = { ...this.#request("List", "", terms), maxMessageBytes: MAX_LIST_BYTES };
    const answer = await this.#call(request, terms);
    if ("code" in answer) return answer;
    const { message } = answer;
    return { statuses: (message && readHealthListResponse(message)) ?? "unreadable" };
  }

  /**
   * Watches a service, as `watch-session` describes. Resolves with the status that ends the call; rejects as `check` does,
   * or with a TimeoutError. What `onStatus` throws ends the Watch.
   */
  runWatch(
    service: string,
    terms: CallTerms & { readonly times: WatchTimes },
    onStatus: (status: ReportedStatus) => void,
  ): Promise<CallStatus> {
    const requests = {
      watch: this.#request("Watch", service, terms),
      check: this.#request("Check", service, terms),
    };
    return this.#connection.call(terms.timeoutMs, async (connection) => {
      const session = new WatchSession(connection, requests, { times: terms.times, onStatus });
      const stopListening = onAbort(terms.signal, () => session.cancel());
      return await session.end.finally(stopListening);
    });
  }

  /** Ends the calls that run, if there are any, and their connections with them. */
  cancel(): void {
    this.#connection.cancel();
  }

  /** Starts to watch on the present connection. Returns false where there is none, or no room beside a Check. */
  watch(service: string, listener: WatchListener): boolean {
    const connection = this.#connection.current;
    if (connection === undefined || connection.maxConcurrentStreams < 2) return false;
    startCall(connection, this.#request("Watch", service), {
      onMessage: (message) => listener.onStatus(readHealthCheckResponse(message) ?? "unreadable"),
      onEnd: (end) => listener.onEnd(end),
    });
    return true;
  }

  /** Ends all connections, and what runs on them as `cancelled`. */
  close(): void {
    this.#connection.close();
  }

  #call(request: CallRequest, { timeoutMs, signal }: CallTerms): Promise<SingleAnswer> {
    return this.#connection.call(timeoutMs, async (connection) => {
      const { answered } = connection;
      let stopListening = () => {};
      try {
        return await callUnary(connection, request, (cancel) => {
          stopListening = onAbort(signal, cancel);
        });
      } catch (error) {
        if (!isTimeout(signal)) throw error;
        const { connectError } = connection;
        if (connection.answered === answered) this.#connection.retire(connection);
        throw connectError ?? error;
      } finally {
        stopListening();
      }
    });
  }

  #request(method: StubMethod, service: string, { metadata }: Partial<CallTerms> = {}): CallRequest {
    const head = metadata === undefined ? this.#heads[method] : this.#headOf(method, metadata);
    return { head, message: writeHealthCheckRequest(service) };
  }

  #headOf(method: StubMethod, metadata: MetadataFields = []): Buffer {
    const target = { ...this.#target, metadata: [...this.#target.metadata, ...metadata] };
    return encodeCallHead({ ...target, path: `/${HEALTH_SERVICE}/${method}` });
  }
}

/** Calls `action` when a signal is aborted, at once if it is already. Returns a function that ends the wait. */
function onAbort(signal: AbortSignal | undefined, action: () => void): () => void {
  if (signal?.aborted === true) action();
  else signal?.addEventListener("abort", action, { once: true });
  return () => signal?.removeEventListener("abort", action);
}

function isTimeout(signal: AbortSignal | undefined): boolean {
  return signal?.aborted === true && Object(signal.reason).name === "TimeoutError";
}
