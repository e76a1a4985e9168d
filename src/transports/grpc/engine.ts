/**
 * The port between healthbridge and its HTTP/2 engines: `transports/h2` (native) and `transports/grpc-js`.
 */
import type { Socket } from "node:net";
import type { GrpcCode } from "../../wire/grpc-code.js";

/** An engine takes connections and ends them. */
export interface GrpcEngine {
  /** Takes a connection that begins with the preface of HTTP/2. `client`: its address, for logs. Default: that of the peer. */
  accept(socket: Socket, client?: string): void;
  /** Sends GOAWAY on every connection. Calls in flight may finish. */
  drain(): void;
}

/** One streaming call, as an engine offers it to a service. */
export interface StreamCall {
  /** Sends a message; `onSent` is called when the client has room for another, never before `send` has returned. */
  send(message: Buffer, onSent: () => void): void;
  /** Ends the call after the messages that were sent before. */
  end(code: GrpcCode, text: string): void;
}

/**
 * A method with one request message. It answers by `call`, at once or later; the returned function is called when the call
 * is over, for any cause.
 */
export type GrpcMethod = (request: Buffer, call: StreamCall) => () => void;

/** Tokens in the head of a call. */
export interface CallCredentials {
  /** The value of `authorization`. */
  readonly authorization: string | undefined;
  /** The value of `x-consul-token`. */
  readonly consulToken: string | undefined;
}

/** A method with any number of request messages and of answers, which may come at any time. */
export interface GrpcStreamMethod {
  /** The longest request message, in bytes. Default `MAX_REQUEST_BYTES`. */
  readonly maxRequestBytes?: number;
  /** Opens a stream. A refused stream has its status before this returns, and ignores its requests. */
  open(call: StreamCall, credentials: CallCredentials): GrpcStream;
}

/** One stream of a `GrpcStreamMethod`, as the service offers it to an engine. */
export interface GrpcStream {
  /** Takes a request. `onHandled` is called when the next one may be handed in; never after the stream has ended. */
  receive(message: Buffer, onHandled: () => void): void;
  /** The client sends nothing more. */
  halfClose(): void;
  /** The call has ended, for any reason. */
  close(): void;
}

/** The longest request message of a method without another limit, in bytes. The longest legal health request has 203. */
export const MAX_REQUEST_BYTES = 4_096;

/** The methods of server reflection. */
export const REFLECTION_PATHS: readonly string[] = [
  "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
  "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
];
