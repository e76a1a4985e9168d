/**
 * A client of `grpc.health.v1` on one connection, which is made when it is needed and reused (`reused-connection`).
 *
 *     check(service)     one answer
 *     watch(service)     every change, on the connection that check has made
 *
 * After GOAWAY the target still answers the open calls. The next call opens a new connection. This is not a failure.
 */
import type { WatchStatus } from "../core/serving-status.js";
import { HEALTH_SERVICE, readHealthCheckResponse, writeHealthCheckRequest } from "../wire/health-messages.js";
import type { TargetAddress } from "./connection-attempts.js";
import { type CallStatus, callUnary, startCall } from "./grpc-call.js";
import { encodeCallHead, metadataFieldsOf, serverNamesOf } from "./grpc-head.js";
import { Http2Connection } from "./http2-connection.js";
import { ReusedConnection, type ReuseOptions } from "./reused-connection.js";
import { TargetSocket } from "./target-socket.js";
import { type TlsClientOptions, tlsOptions } from "./tls-options.js";

/** Where a health service is, how it is called, and how long a connection to it is kept. */
export type HealthClientOptions = TargetAddress & HealthClientSettings;

interface HealthClientSettings extends ReuseOptions {
  /** TLS, where the target speaks it. */
  readonly tls: TlsClientOptions | undefined;
  readonly readBuffer: Buffer;
  /** The `:authority` of calls, see `grpc-head`. */
  readonly authority?: string | undefined;
  /** Metadata of calls. The value of a key that ends with `-bin` is base64. */
  readonly metadata?: Readonly<Record<string, string>> | undefined;
}

/** A status that a target reports; `unreadable` for a message that is none. */
export type ReportedStatus = WatchStatus | "unreadable";

/** The answer to a Check: a status, or how the call ended instead. */
export type CheckAnswer = { readonly status: ReportedStatus } | CallStatus;

/** Receives what comes of a Watch. */
export interface WatchListener {
  /** Throws to end the Watch. */
  onStatus(status: ReportedStatus): void;
  /** Called once, last. */
  onEnd(end: CallStatus | Error): void;
}

export class HealthClient {
  readonly #connection: ReusedConnection<Http2Connection>;
  readonly #heads: Readonly<Record<"Check" | "Watch", Buffer>>;

  /**
   * @throws HealthError TLS_FAILED for a certificate or key that cannot be read, INVALID_OPTION for an authority or
   * metadata that cannot be sent
   */
  constructor(options: HealthClientOptions) {
    const { tls } = options;
    const address = "path" in options ? undefined : options;
    const { authority, tlsName } = serverNamesOf({ ...options, address, serverName: tls?.serverName });
    const scheme = tls === undefined ? "http" : "https";
    const metadata = metadataFieldsOf(options.metadata);
    const headOf = (method: string) =>
      encodeCallHead({ scheme, authority, path: `/${HEALTH_SERVICE}/${method}`, metadata });
    const to = { ...options, tls: tls === undefined ? undefined : tlsOptions(tlsName, tls, ["h2"]) };
    const open = (timeoutMs: number) => new Http2Connection(new TargetSocket(to, timeoutMs), options.clock);
    this.#heads = { Check: headOf("Check"), Watch: headOf("Watch") };
    this.#connection = new ReusedConnection(open, options);
  }

  /** When the certificate of the last connection ends, in wall time; `undefined` without TLS. */
  get certificateEndsAt(): number | undefined {
    return this.#connection.certificateEndsAt;
  }

  /**
   * Makes one Check; one at a time. `timeoutMs` is the time until the caller cancels: half of it may go to one address
   * of several. Rejects with an error of the system or a BrokenCall when no answer came.
   */
  check(service: string, timeoutMs: number): Promise<CheckAnswer> {
    return this.#connection.call(timeoutMs, (connection) => this.#check(connection, service));
  }

  /** Ends the Check that runs, if there is one, and the connection with it. */
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

  /** Ends the connection, and what runs on it as `cancelled`. */
  close(): void {
    this.#connection.close();
  }

  async #check(connection: Http2Connection, service: string): Promise<CheckAnswer> {
    const answer = await callUnary(connection, this.#request("Check", service));
    if ("code" in answer) return answer;
    const { message } = answer;
    return { status: (message && readHealthCheckResponse(message)) ?? "unreadable" };
  }

  #request(method: "Check" | "Watch", service: string) {
    return { head: this.#heads[method], message: writeHealthCheckRequest(service) };
  }
}
