/**
 * `grpc.reflection.v1.ServerReflection` and its older version v1alpha, for any engine: which services this server has, and
 * the files that define them. grpcurl, grpc_cli, evans and Postman call methods without a .proto file this way.
 *
 *     open --> request --> answer --> sent --> next request --> ... --> half-close --> OK
 *                 '--malformed, too many, none for 60 s, 10 minutes over--> an error, the stream ends
 *
 * Both versions get the same answers: their messages are equal on the wire. The engine hands in the next request after the
 * answer to the one before was taken, so a client that does not read holds one answer.
 *
 * The methods of `--status-code-path` are not described: they take and return any message, so no file defines them.
 */
import { publish } from "../../core/channels.js";
import type { CancelTimer, Clock } from "../../core/clock.js";
import type { GrpcCode } from "../../wire/grpc-code.js";
import { type DescribedFile, DescriptorIndex } from "./descriptor-index.js";
import { type GrpcStream, type GrpcStreamMethod, REFLECTION_PATHS, type StreamCall } from "./engine.js";
import { FILE_DESCRIPTORS } from "./file-descriptors.js";
import { answerReflection } from "./reflection-answers.js";

/** Streams of one service that are open at once; more are refused with RESOURCE_EXHAUSTED. */
const MAX_STREAMS = 100;
/** Requests on one stream; the next one ends it with RESOURCE_EXHAUSTED. */
const MAX_REQUESTS = 1_000;
/** Milliseconds until a stream without a request ends with DEADLINE_EXCEEDED. */
const MAX_SILENCE_MS = 60_000;
/** Milliseconds that a stream may be open, whatever the client sends: then it ends with DEADLINE_EXCEEDED. */
export const MAX_STREAM_MS = 600_000;

const HEALTH_FILE = "grpc/health/v1/health.proto";

export interface ReflectionOptions {
  readonly clock: Clock;
  /** The registry that the calls are published for. */
  readonly instance: string;
  /** Whether this server has the health service. */
  readonly health: boolean;
}

export class ReflectionService implements GrpcStreamMethod {
  /** The paths of the methods. */
  readonly paths = REFLECTION_PATHS;
  readonly #options: ReflectionOptions;
  readonly #streams = new Set<ReflectionStream>();
  /** Made by the first stream: most servers are never asked. */
  #index: DescriptorIndex | undefined;
  #ended = false;

  constructor(options: ReflectionOptions) {
    this.#options = options;
  }

  /** Opens a stream of any of `paths`. A refused stream has its status before this returns, and ignores its requests. */
  open(call: StreamCall): ReflectionStream {
    this.#index ??= createIndex(this.#options.health);
    const stream: ReflectionStream = new ReflectionStream(this.#index, call, {
      ...this.#options,
      onClose: () => void this.#streams.delete(stream),
    });
    if (this.#ended) stream.end("UNAVAILABLE", "server is shutting down");
    else if (this.#streams.size >= MAX_STREAMS) stream.end("RESOURCE_EXHAUSTED", "too many reflection streams");
    else this.#streams.add(stream);
    return stream;
  }

  /** Ends every stream with UNAVAILABLE, and refuses new ones. */
  endStreams(): void {
    this.#ended = true;
    for (const stream of this.#streams) stream.end("UNAVAILABLE", "server is shutting down");
  }
}

function createIndex(health: boolean): DescriptorIndex {
  const files = Object.entries(FILE_DESCRIPTORS).filter(([name]) => health || name !== HEALTH_FILE);
  return new DescriptorIndex(files.map(([, base64]) => Buffer.from(base64, "base64")));
}

interface StreamOptions extends ReflectionOptions {
  readonly onClose: () => void;
}

/** One call of a client. It counts as open until the engine closes it, even after it has its status. */
export class ReflectionStream implements GrpcStream {
  readonly #index: DescriptorIndex;
  readonly #call: StreamCall;
  readonly #options: StreamOptions;
  readonly #endsAt: number;
  readonly #sent = new Set<DescribedFile>();
  #requests = 0;
  #cancelTimer: CancelTimer = () => {};
  #ended = false;

  constructor(index: DescriptorIndex, call: StreamCall, options: StreamOptions) {
    this.#index = index;
    this.#call = call;
    this.#options = options;
    this.#endsAt = options.clock.now() + MAX_STREAM_MS;
    this.#limitSilence();
  }

  /** Answers a request. `onHandled` is called when the next one may be handed in; never after the stream has ended. */
  receive(message: Uint8Array, onHandled: () => void): void {
    if (this.#ended) return;
    this.#requests += 1;
    if (this.#requests > MAX_REQUESTS) {
      this.end("RESOURCE_EXHAUSTED", "too many requests on one stream");
      return;
    }
    const answer = answerReflection(this.#index, message, this.#sent);
    if (answer === undefined) {
      this.end("INVALID_ARGUMENT", "malformed request");
      return;
    }
    this.#limitSilence();
    this.#call.send(answer, () => {
      if (!this.#ended) onHandled();
    });
  }

  /** The client sends nothing more: the stream ends after the last answer. */
  halfClose(): void {
    this.end("OK", "");
  }

  /** Ends the stream with a status. */
  end(code: GrpcCode, text: string): void {
    if (this.#ended) return;
    this.#finish(code);
    this.#call.end(code, text);
  }

  /** The call has ended, for any reason. */
  close(): void {
    if (!this.#ended) this.#finish("CANCELLED");
    this.#options.onClose();
  }

  #finish(code: GrpcCode): void {
    this.#ended = true;
    this.#cancelTimer();
    publish("call", { instance: this.#options.instance, method: "Reflection", code });
  }

  #limitSilence(): void {
    const { clock } = this.#options;
    this.#cancelTimer();
    const leftMs = this.#endsAt - clock.now();
    const [delayMs, text] =
      leftMs > MAX_SILENCE_MS
        ? [MAX_SILENCE_MS, "no request for 60 seconds"]
        : [leftMs, "stream was open for 10 minutes"];
    this.#cancelTimer = clock.setTimer(delayMs, () => this.#onTimeout(text));
  }

  /** An engine that throws must not end the process by this timer. */
  #onTimeout(text: string): void {
    try {
      this.end("DEADLINE_EXCEEDED", text);
    } catch (error) {
      publish("fault", { instance: this.#options.instance, where: "the end of a reflection stream", error });
    }
  }
}
