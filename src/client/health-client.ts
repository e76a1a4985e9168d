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
import { BrokenCall } from "./broken-call.js";
import { type CallStatus, encodeCallHead, hasStatus, startCall } from "./grpc-call.js";
import { Http2Connection } from "./http2-connection.js";
import type { Resolver } from "./resolver.js";
import { ReusedConnection, type ReuseOptions } from "./reused-connection.js";
import { TargetSocket } from "./target-socket.js";
import { type TlsClientOptions, tlsOptions } from "./tls-options.js";

/** Where a health service is, and how long a connection to it is kept. */
export interface HealthClientOptions extends ReuseOptions {
  readonly host: string;
  readonly port: number;
  /** TLS, where the target speaks it. */
  readonly tls: TlsClientOptions | undefined;
  readonly resolver: Resolver;
  readonly readBuffer: Buffer;
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

  /** @throws HealthError TLS_FAILED for a certificate or key that cannot be read */
  constructor({ host, port, resolver, readBuffer, tls, ...reuse }: HealthClientOptions) {
    const scheme = tls === undefined ? "http" : "https";
    // without the dot that makes a name absolute in DNS, and without the zone of an address
    const name = host.replace(/%.*$|\.$/, "");
    const authority = `${name.includes(":") ? `[${name}]` : name}:${port}`;
    const headOf = (method: string) => encodeCallHead({ scheme, authority, path: `/${HEALTH_SERVICE}/${method}` });
    const secure = tls === undefined ? undefined : tlsOptions(host, tls, ["h2"]);
    const open = (timeoutMs: number) =>
      new Http2Connection(new TargetSocket({ host, port, resolver, readBuffer, tls: secure }, timeoutMs), reuse.clock);
    this.#heads = { Check: headOf("Check"), Watch: headOf("Watch") };
    this.#connection = new ReusedConnection(open, reuse);
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

  #check(connection: Http2Connection, service: string): Promise<CheckAnswer> {
    return new Promise((resolve, reject) => {
      let answer: CheckAnswer | undefined;
      startCall(connection, this.#request("Check", service), {
        onMessage: (message) => {
          if (answer !== undefined) throw new BrokenCall("protocol", "the answer has more than one message");
          answer = { status: readHealthCheckResponse(message) ?? "unreadable" };
        },
        onEnd: (end) => {
          if (!hasStatus(end)) reject(end);
          else resolve(end.code === "OK" ? (answer ?? { status: "unreadable" }) : end);
        },
      });
    });
  }

  #request(method: "Check" | "Watch", service: string) {
    return { head: this.#heads[method], message: writeHealthCheckRequest(service) };
  }
}
