/**
 * The calls of a probe on one connection: Check of each service at the same time, List, and Watch.
 */
import { BrokenCall, Unanswered } from "../../client/broken-call.js";
import { type CallRequest, callUnary, hasStatus, type MessageEncoding, startCall } from "../../client/grpc-call.js";
import { encodeCallHead, type MetadataFields } from "../../client/grpc-head.js";
import type { Http2Connection } from "../../client/http2-connection.js";
import type { GrpcCode } from "../../wire/grpc-code.js";
import {
  HEALTH_SERVICE,
  readHealthListResponse,
  readStatusNumber,
  writeHealthCheckRequest,
} from "../../wire/health-messages.js";
import { MAX_FRAME_BYTES } from "../../wire/http2/frames.js";
import type { Cancellation } from "./cancellation.js";
import { probeClock } from "./probe-clock.js";
import { metadataFault, sentMetadata } from "./probe-metadata.js";
import type { ServiceOutcome } from "./probe-outcome.js";

/** What all calls of a probe have in common. */
export interface CallSettings {
  readonly scheme: "http" | "https";
  readonly authority: string;
  readonly userAgent: string;
  readonly headers: MetadataFields;
  readonly encoding: MessageEncoding | undefined;
  readonly timeoutMs: number;
}

/** The limit of gRPC clients. A List of 100,000 services fits. */
const MAX_MESSAGE_BYTES = 4_194_304;

type ProbedMethod = "Check" | "Watch" | "List";

/** The statuses of a List, or how the call ended instead. */
export type ListOutcome = { readonly statuses: ReadonlyMap<string, number> } | { readonly failure: ServiceOutcome };

/** `undefined`: the server did not take the call, so it can be made again on a new connection. */
export type CheckOutcome = ServiceOutcome | undefined;

export class ProbeCalls {
  readonly #connection: Http2Connection;
  readonly #settings: CallSettings;
  readonly #cancellation: Cancellation;

  constructor(connection: Http2Connection, settings: CallSettings, cancellation: Cancellation) {
    this.#connection = connection;
    this.#settings = settings;
    this.#cancellation = cancellation;
  }

  /** Asks for the status of a service. */
  async check(service: string): Promise<CheckOutcome> {
    const answer = await this.#call("Check", writeHealthCheckRequest(service));
    if (answer === undefined || "kind" in answer) return answer;
    const number = readStatusNumber(answer.message);
    return number === undefined ? UNREADABLE : { kind: "status", number };
  }

  async list(): Promise<ListOutcome> {
    const answer = await this.#call("List", Buffer.alloc(0));
    if (answer === undefined) return { failure: NOT_TAKEN };
    if ("kind" in answer) return { failure: answer };
    const statuses = readHealthListResponse(answer.message);
    return statuses === undefined ? { failure: UNREADABLE } : { statuses };
  }

  /** Watches a service until the server ends the call, or a signal does. Resolves with how the server ended it. */
  watch(service: string, onStatus: (number: number) => void): Promise<ServiceOutcome> {
    return new Promise((resolve) => {
      const request = this.#request("Watch", writeHealthCheckRequest(service));
      if ("kind" in request) return resolve(request);
      if (!this.#connection.isOpen) return resolve(NOT_TAKEN);
      const end = this.#endInTime();
      startCall(this.#connection, request, {
        onMessage: (message) => {
          end.cancelTimer();
          const number = readStatusNumber(message);
          if (number === undefined) throw new BrokenCall("protocol", UNREADABLE_TEXT);
          onStatus(number);
        },
        onEnd: (ended) => {
          end.release();
          if (end.outcome !== undefined) resolve(end.outcome);
          else if (hasStatus(ended)) resolve(failed(ended.code, ended.text));
          else resolve(isUnprocessed(ended) ? NOT_TAKEN : outcomeOfError(ended));
        },
      });
    });
  }

  /** Makes a call with one answer: its message, or how the call ended instead. */
  async #call(method: ProbedMethod, message: Buffer) {
    const request = this.#request(method, message);
    if ("kind" in request) return request;
    if (!this.#connection.isOpen) return undefined; // the server has left meanwhile (GOAWAY), or allows no call
    const end = this.#endInTime();
    try {
      const answer = await callUnary(this.#connection, request);
      if ("code" in answer) return failed(answer.code, answer.text);
      return answer.message === undefined
        ? failed("INTERNAL", "the answer has no message")
        : { message: answer.message };
    } catch (error) {
      if (end.outcome !== undefined) return end.outcome;
      return isUnprocessed(error) ? undefined : await outcomeOfError(error);
    } finally {
      end.release();
    }
  }

  /** The request of a call, or what is wrong with its metadata. */
  #request(method: ProbedMethod, message: Buffer): CallRequest | ServiceOutcome {
    const { scheme, authority, userAgent, headers, encoding, timeoutMs } = this.#settings;
    const fault = metadataFault(headers);
    if (fault !== undefined) return failed("INTERNAL", fault);
    const metadata = sentMetadata(headers, {
      encoding: encoding?.name,
      timeoutMs: method === "Watch" ? undefined : timeoutMs,
    });
    const head = encodeCallHead({ scheme, authority, path: `/${HEALTH_SERVICE}/${method}`, metadata, userAgent });
    if (head.length > MAX_FRAME_BYTES)
      return failed("INTERNAL", `the headers of the call have more than ${MAX_FRAME_BYTES} bytes`);
    return { head, message, encoding, maxMessageBytes: MAX_MESSAGE_BYTES };
  }

  /** Ends the connection when the time of a call is over, or by a signal. */
  #endInTime() {
    const state: { outcome: ServiceOutcome | undefined; cancelTimer: () => void; release: () => void } = {
      outcome: undefined,
      cancelTimer: () => {},
      release: () => {},
    };
    const end = (outcome: ServiceOutcome) => {
      state.outcome = outcome;
      this.#connection.close();
    };
    state.cancelTimer = probeClock.setTimer(this.#settings.timeoutMs, () =>
      end({ kind: "late", timeoutMs: this.#settings.timeoutMs }),
    );
    const stop = this.#cancellation.onCancel(() => end(failed("CANCELLED", "context canceled")));
    state.release = () => {
      state.cancelTimer();
      stop();
    };
    return state;
  }
}

function isUnprocessed(error: unknown): boolean {
  return error instanceof Unanswered && error.reason instanceof BrokenCall && error.reason.kind === "unprocessed";
}

async function outcomeOfError(error: unknown): Promise<ServiceOutcome> {
  return (await import("./probe-cause.js")).failureOf(error);
}

/** The server did not take a call: Check and List were made again on a new connection. */
export const NOT_TAKEN = {
  kind: "failed",
  code: "UNAVAILABLE",
  text: "the server did not take the call",
} as const satisfies ServiceOutcome;

const UNREADABLE_TEXT = "the answer is not a HealthCheckResponse";
const UNREADABLE = { kind: "failed", code: "INTERNAL", text: UNREADABLE_TEXT } as const satisfies ServiceOutcome;

function failed(code: GrpcCode, text: string): ServiceOutcome {
  return { kind: "failed", code, text };
}
