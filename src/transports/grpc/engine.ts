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

/** The longest request message of any method, in bytes. The longest legal health request has 203. */
export const MAX_REQUEST_BYTES = 4_096;

/** The methods of server reflection. */
export const REFLECTION_PATHS: readonly string[] = [
  "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
  "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
];
