/**
 * `grpc.health.v1.Health` for any engine: Check, List and Watch over one registry, and the Watch streams that are open.
 *
 * An engine reads frames and writes answers; what is said is decided here, so that two engines cannot differ.
 */
import { isAuthorized, requireToken } from "../../core/bearer-token.js";
import { wholeNumber } from "../../core/option.js";
import type { StatusReader } from "../../registry/ports.js";
import { readHealthCheckRequest } from "../../wire/health-messages.js";
import { answerByCode, answerCheck, answerList, DEFAULT_LIST_LIMIT, type UnaryAnswer } from "./answers.js";
import { FanOut } from "./fan-out.js";
import { type WatchCall, WatchStream } from "./watch.js";

/** Open watches at most, when nobody says otherwise. At some 15 KB each, this is 750 MB. */
const DEFAULT_MAX_WATCHERS = 50_000;

/** Limits of the health service. */
export interface HealthServiceOptions {
  /** Services that List answers; more are refused with RESOURCE_EXHAUSTED. Default 100. */
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
    return answerCheck(this.#reader, request);
  }

  /** Answers a List, to who may have it. */
  list(request: Uint8Array, authorization?: string | undefined): UnaryAnswer {
    if (!isAuthorized(authorization, this.#token)) return { code: "UNAUTHENTICATED", text: "a token is needed" };
    return answerList(this.#reader, request, this.#listLimit);
  }

  /** Answers by the status code alone, whatever was asked. */
  byCode(): UnaryAnswer {
    return answerByCode(this.#reader);
  }

  /**
   * Opens a Watch. The engine must call the returned function when the call is over, whoever ended it.
   * A Watch is never refused with UNIMPLEMENTED: clients would take the server for healthy and not ask again
   * (gRFC A17).
   */
  watch(request: Uint8Array, call: WatchCall): () => void {
    const reading = readHealthCheckRequest(request);
    if ("fault" in reading) return refuse(call, "INVALID_ARGUMENT", reading.fault);
    if (this.#ended) return refuse(call, "UNAVAILABLE", "server is shutting down");
    if (this.#streams.size >= this.#maxWatchers) return refuse(call, "RESOURCE_EXHAUSTED", "too many watchers");
    const stream = new WatchStream(this.#reader, reading.service, this.#fanOut, call);
    this.#streams.add(stream);
    return () => {
      stream.close();
      this.#streams.delete(stream);
    };
  }

  /** Ends every Watch, each after its newest status, and refuses new ones. */
  endWatches(): void {
    this.#ended = true;
    for (const stream of this.#streams) stream.end("UNAVAILABLE", "server is shutting down");
    this.#streams.clear();
  }
}

function refuse(
  call: WatchCall,
  code: "INVALID_ARGUMENT" | "UNAVAILABLE" | "RESOURCE_EXHAUSTED",
  text: string,
): () => void {
  call.end(code, text);
  return () => {};
}
