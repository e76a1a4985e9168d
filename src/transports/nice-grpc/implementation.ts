/**
 * The health service for a server of nice-grpc: its definition, and its methods as nice-grpc calls them.
 *
 *     Check, List:   request --> HealthService --> message, or a ServerError
 *     Watch:         HealthService --send, end--> [ next message ] --yield--> nice-grpc, when its client has room
 *
 * nice-grpc runs on grpc-js, and is not imported: it takes any error with the marks of its `ServerError`.
 */
import type { Clock } from "../../core/clock.js";
import { GRPC_CODES, type GrpcCode } from "../../wire/grpc-code.js";
import { HEALTH_SERVICE } from "../../wire/health-messages.js";
import { DEGRADED_KEY, type UnaryAnswer } from "../grpc/answers.js";
import type { StreamCall } from "../grpc/engine.js";
import type { HealthService } from "../grpc/health-service.js";
import { openTakenWatch } from "../grpc/taken-watch.js";

/** A method as nice-grpc defines it. Requests and answers are the bytes of protobuf: healthbridge reads and writes them. */
export interface NiceMethod<ResponseStream extends boolean> {
  readonly path: string;
  readonly requestStream: false;
  readonly responseStream: ResponseStream;
  requestSerialize(bytes: Uint8Array): Uint8Array;
  requestDeserialize(bytes: Uint8Array): Uint8Array;
  responseSerialize(bytes: Uint8Array): Uint8Array;
  responseDeserialize(bytes: Uint8Array): Uint8Array;
  // biome-ignore lint/complexity/noBannedTypes: nice-grpc wants the options of a method, and there are none
  readonly options: {};
}

/** `grpc.health.v1.Health` for nice-grpc. A type and no interface: nice-grpc wants an index signature. */
export type NiceDefinition = {
  readonly check: NiceMethod<false>;
  readonly list: NiceMethod<false>;
  readonly watch: NiceMethod<true>;
};

/** The part of nice-grpc's context that is used. */
export interface NiceContext {
  readonly metadata: { get(key: string): string | Uint8Array | undefined };
  readonly header: { set(key: string, value: string): unknown };
  readonly signal: AbortSignal;
  /** Added by nice-grpc-server-terminator: the call ends when the server terminates. */
  readonly abortOnTerminate?: (() => void) | undefined;
}

/** The methods of the service, as nice-grpc calls them. */
export interface NiceImplementation {
  check(request: Uint8Array, context: NiceContext): Promise<Uint8Array>;
  list(request: Uint8Array, context: NiceContext): Promise<Uint8Array>;
  watch(request: Uint8Array, context: NiceContext): AsyncGenerator<Uint8Array, void, undefined>;
}

const asIs = (bytes: Uint8Array): Uint8Array => bytes;

const methodOf = <ResponseStream extends boolean>(
  name: string,
  responseStream: ResponseStream,
): NiceMethod<ResponseStream> => ({
  path: `/${HEALTH_SERVICE}/${name}`,
  requestStream: false,
  responseStream,
  requestSerialize: asIs,
  requestDeserialize: asIs,
  responseSerialize: asIs,
  responseDeserialize: asIs,
  options: {},
});

export const NICE_DEFINITION: NiceDefinition = {
  check: /* @__PURE__ */ methodOf("Check", false),
  list: /* @__PURE__ */ methodOf("List", false),
  watch: /* @__PURE__ */ methodOf("Watch", true),
};

/** An error that nice-grpc sends as a status: it has the marks by which nice-grpc knows its own of another version. */
class NiceServerError extends Error {
  readonly code: number;
  readonly details: string;
  readonly "@@nice-grpc" = true;
  readonly "@@nice-grpc:ServerError" = true;

  constructor(code: GrpcCode, details: string) {
    super(`${code}: ${details}`);
    this.name = "ServerError";
    this.code = GRPC_CODES[code];
    this.details = details;
  }
}

export function createNiceImplementation(service: HealthService, clock: Clock): NiceImplementation {
  return {
    check: async (request, context) => messageOf(service.check(request), context),
    async list(request, context) {
      const authorization = context.metadata.get("authorization");
      return messageOf(service.list(request, authorization?.toString()), context);
    },
    async *watch(request, context) {
      const { signal } = context;
      context.abortOnTerminate?.();
      const next = new NextMessage();
      const close = openTakenWatch(next, request, { service, clock });
      const onAbort = () => next.fail(new DOMException("the call was cancelled", "AbortError"));
      signal.addEventListener("abort", onAbort);
      if (signal.aborted) onAbort();
      try {
        for (;;) {
          const { message, onSent } = await next.take();
          yield message;
          onSent();
        }
      } finally {
        signal.removeEventListener("abort", onAbort);
        close();
      }
    },
  };
}

function messageOf(answer: UnaryAnswer, { header }: NiceContext): Uint8Array {
  if ("code" in answer) throw new NiceServerError(answer.code, answer.text);
  if (answer.degraded) header.set(DEGRADED_KEY, "true");
  return answer.message;
}

interface Sent {
  readonly message: Buffer;
  readonly onSent: () => void;
}

/** The next message of a Watch, and then its end. */
class NextMessage implements StreamCall {
  #sent: Sent | undefined;
  #error: Error | undefined;
  #wake = () => {};

  send(message: Buffer, onSent: () => void): void {
    this.#sent = { message, onSent };
    this.#wake();
  }

  end(code: GrpcCode, text: string): void {
    this.fail(new NiceServerError(code, text));
  }

  fail(error: Error): void {
    this.#error ??= error;
    this.#wake();
  }

  /** Resolves with a message; rejects at the end, when none is left. */
  async take(): Promise<Sent> {
    for (;;) {
      const sent = this.#sent;
      this.#sent = undefined;
      if (sent !== undefined) return sent;
      if (this.#error !== undefined) throw this.#error;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }
}
