/**
 * `grpc.health.v1.Health` for any engine: Check, List and Watch over one registry, and the Watch streams that are open.
 *
 * An engine reads frames and writes answers; what is said is decided here, so that two engines cannot differ.
 */
import { isAuthorized, requireToken } from "../../core/bearer-token.js";
import { type Messages, publish } from "../../core/channels.js";
import { DEFAULT_LIST_LIMIT, wholeNumber } from "../../core/option.js";
import type { StatusReader } from "../../registry/ports.js";
import type { GrpcCode } from "../../wire/grpc-code.js";
import { readHealthCheckRequest } from "../../wire/health-messages.js";
import { answerByCode, answerCheck, answerList, type UnaryAnswer } from "./answers.js";
import { FanOut } from "./fan-out.js";
import { type WatchCall, WatchStream } from "./watch.js";

/** Open watches at most, when nobody says otherwise. At some 15 KB each, this is 750 MB. */
export const DEFAULT_MAX_WATCHERS = 50_000;

/** What a call asks, as the `call` channel names it. */
type CallMethod = Messages["call"]["method"];

/** Limits of the health service. */
export interface HealthServiceOptions {
  /** Services that List answers; more are refused with RESOURCE_EXHAUSTED. Default 10,000. */
  readonly listLimit?: number | undefined;
  /** Watch streams open at once; more are refused with RESOURCE_EXHAUSTED. Default 50,000. */
  readonly maxWatchers?: number | undefined;
  /** Asked for, as `authorization: Bearer TOKEN`, before the list of services is told. Default: everybody may have it. */
  readonly token?: string | undefined;
}

export class HealthService {
  readonly #reader: StatusReader;
  readonly #listLimit: number;
  readonly #maxWatchers: number;
  readonly #token: string | undefined;
  readonly #fanOut = new FanOut();
  readonly #streams = new Set<WatchStream>();
  #ended = false;

  /** @throws HealthError INVALID_OPTION */
  constructor(reader: StatusReader, options: HealthServiceOptions = {}) {
    this.#reader = reader;
    this.#listLimit = wholeNumber("listLimit", options.listLimit, DEFAULT_LIST_LIMIT);
    this.#maxWatchers = wholeNumber("maxWatchers", options.maxWatchers, DEFAULT_MAX_WATCHERS);
    this.#token = requireToken(options.token);
  }

  /** Answers a Check with the bytes of its request. */
  check(request: Uint8Array): UnaryAnswer {
    return this.#answered("Check", answerCheck(this.#reader, request));
  }

  /** Answers a List, to who may have it. */
  list(request: Uint8Array, authorization?: string | undefined): UnaryAnswer {
    const answer: UnaryAnswer = isAuthorized(authorization, this.#token)
      ? answerList(this.#reader, request, this.#listLimit)
      : { code: "UNAUTHENTICATED", text: "a token is needed" };
    return this.#answered("List", answer);
  }

  /** Answers by the status code alone, whatever was asked. */
  byCode(): UnaryAnswer {
    return this.#answered("status-code", answerByCode(this.#reader));
  }

  /**
   * Opens a Watch. The engine must call the returned function when the call is over, whoever ended it.
   * A Watch is never refused with UNIMPLEMENTED: clients would take the server for healthy and not ask again
   * (gRFC A17).
   */
  watch(request: Uint8Array, call: WatchCall): () => void {
    const reading = readHealthCheckRequest(request);
    if ("fault" in reading) return this.#refuse(call, "INVALID_ARGUMENT", reading.fault);
    if (this.#ended) return this.#refuse(call, "UNAVAILABLE", "server is shutting down");
    if (this.#streams.size >= this.#maxWatchers) return this.#refuse(call, "RESOURCE_EXHAUSTED", "too many watchers");
    const stream = new WatchStream(this.#reader, reading.service, this.#fanOut, call);
    this.#streams.add(stream);
    return () => {
      stream.close();
      // one that the server has ended is in the set no more, and has been told of
      if (this.#streams.delete(stream)) this.#tell("Watch", "CANCELLED");
    };
  }

  /** Ends every Watch, each after its newest status, and refuses new ones. */
  endWatches(): void {
    this.#ended = true;
    const streams = [...this.#streams];
    this.#streams.clear();
    for (const stream of streams) {
      stream.end("UNAVAILABLE", "server is shutting down");
      this.#tell("Watch", "UNAVAILABLE");
    }
  }

  #refuse(call: WatchCall, code: GrpcCode, text: string): () => void {
    call.end(code, text);
    this.#tell("Watch", code);
    return () => {};
  }

  #answered(method: CallMethod, answer: UnaryAnswer): UnaryAnswer {
    this.#tell(method, "code" in answer ? answer.code : "OK");
    return answer;
  }

  #tell(method: CallMethod, code: GrpcCode): void {
    publish("call", { instance: this.#reader.instance, method, code });
  }
}
