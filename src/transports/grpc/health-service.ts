/**
 * `grpc.health.v1.Health` for any engine: Check, List and Watch over one registry, and the open Watch streams.
 *
 * An engine reads frames and writes answers. The content of the answers is decided here, so that all engines give the same.
 */
import { AccessToken, isAuthorized } from "../../core/bearer-token.js";
import { type ChannelMessages, publish } from "../../core/channels.js";
import { DEFAULT_LIST_LIMIT, wholeNumber } from "../../core/option.js";
import type { StatusReader } from "../../registry/ports.js";
import type { GrpcCode } from "../../wire/grpc-code.js";
import { isHealthListRequest, readHealthCheckRequest } from "../../wire/health-messages.js";
import { answerByCode, answerCheck, answerList, type UnaryAnswer } from "./answers.js";
import type { StreamCall } from "./engine.js";
import { FanOut } from "./fan-out.js";
import { WatchStream } from "./watch.js";

/** Default of the number of open Watch streams. With 15 KB for each stream of grpc-js, this is 750 MB. */
export const DEFAULT_MAX_WATCHERS = 50_000;

/** The method of a call, as the `call` channel names it. */
type CallMethod = ChannelMessages["call"]["method"];

/** Limits of the health service. */
export interface HealthServiceOptions {
  /** The longest List. With more services, List is refused with RESOURCE_EXHAUSTED. Default 10,000. */
  readonly listLimit?: number | undefined;
  /** Watch streams that may be open at once. More are refused with RESOURCE_EXHAUSTED. Default 50,000. */
  readonly maxWatchers?: number | undefined;
  /** The token that List needs, as `authorization: Bearer TOKEN`. Default: none. */
  readonly token?: string | AccessToken | undefined;
}

export class HealthService {
  readonly #reader: StatusReader;
  readonly #listLimit: number;
  readonly #maxWatchers: number;
  readonly #token: AccessToken;
  readonly #fanOut: FanOut;
  readonly #streams = new Set<WatchStream>();
  #ended = false;
  /** The last List, valid until a status changes. */
  #list: { readonly version: number; readonly answer: UnaryAnswer } | undefined;

  /** @throws HealthError INVALID_OPTION */
  constructor(reader: StatusReader, options: HealthServiceOptions = {}) {
    this.#reader = reader;
    this.#fanOut = new FanOut(reader.instance);
    this.#listLimit = wholeNumber("listLimit", options.listLimit, DEFAULT_LIST_LIMIT);
    this.#maxWatchers = wholeNumber("maxWatchers", options.maxWatchers, DEFAULT_MAX_WATCHERS);
    this.#token = options.token instanceof AccessToken ? options.token : new AccessToken(options.token);
  }

  /** Answers the request message of a Check. */
  check(request: Uint8Array): UnaryAnswer {
    return this.#answered("Check", answerCheck(this.#reader, request));
  }

  /** Answers the request message of a List. The answer is the same object until a status changes. */
  list(request: Uint8Array, authorization?: string | undefined): UnaryAnswer {
    if (!isAuthorized(authorization, this.#token))
      return this.#answered("List", { code: "UNAUTHENTICATED", text: "a token is needed" });
    if (!isHealthListRequest(request))
      return this.#answered("List", { code: "INVALID_ARGUMENT", text: "malformed request" });
    const version = this.#reader.statusVersion;
    if (this.#list?.version !== version) this.#list = { version, answer: answerList(this.#reader, this.#listLimit) };
    return this.#answered("List", this.#list.answer);
  }

  /** Answers by the status code alone. The request does not matter. */
  byCode(): UnaryAnswer {
    return this.#answered("status-code", answerByCode(this.#reader));
  }

  /**
   * Opens a Watch. The engine must call the returned function when the call is over.
   * A Watch is never refused with UNIMPLEMENTED: clients would treat the server as healthy and not ask again (gRFC A17).
   */
  watch(request: Uint8Array, call: StreamCall): () => void {
    const reading = readHealthCheckRequest(request);
    if ("fault" in reading) return this.#refuse(call, "INVALID_ARGUMENT", reading.fault);
    if (this.#streams.size >= this.#maxWatchers) return this.#refuse(call, "RESOURCE_EXHAUSTED", "too many watchers");
    const stream = new WatchStream(this.#reader, reading.service, this.#fanOut, call);
    if (this.#ended) return this.#endWatch(stream);
    this.#streams.add(stream);
    return () => {
      stream.close();
      // a stream that the server has ended is not in the set any more, and was counted
      if (this.#streams.delete(stream)) this.#publishCall("Watch", "CANCELLED");
    };
  }

  /** Ends every Watch, each after its newest status; a new one gets its status, and ends at once. */
  endWatches(): void {
    this.#ended = true;
    const streams = [...this.#streams];
    this.#streams.clear();
    for (const stream of streams) this.#endWatch(stream);
  }

  #endWatch(stream: WatchStream): () => void {
    stream.end("UNAVAILABLE", "server is shutting down");
    this.#publishCall("Watch", "UNAVAILABLE");
    return () => stream.close();
  }

  #refuse(call: StreamCall, code: GrpcCode, text: string): () => void {
    call.end(code, text);
    this.#publishCall("Watch", code);
    return () => {};
  }

  #answered(method: CallMethod, answer: UnaryAnswer): UnaryAnswer {
    this.#publishCall(method, "code" in answer ? answer.code : "OK");
    return answer;
  }

  #publishCall(method: CallMethod, code: GrpcCode): void {
    publish("call", { instance: this.#reader.instance, method, code });
  }
}
