/**
 * What is common to the engines that speak HTTP/2: ours (`transports/h2`) and grpc-js (`transports/grpc-js`).
 */
import type { Socket } from "node:net";
import type { GrpcCode } from "../../wire/grpc-code.js";

/** An engine: connections in, and a way to end them. */
export interface GrpcEngine {
  /** Takes a connection whose first bytes are those of HTTP/2. */
  accept(socket: Socket): void;
  /** Asks every client to go (GOAWAY); calls in flight may finish. */
  drain(): void;
}

/** One streaming call, as an engine offers it to a service. */
export interface StreamCall {
  /** Sends a message; `onSent` is called when the client has room for another, never before `send` has returned. */
  send(message: Buffer, onSent: () => void): void;
  /** Ends the call after the messages that were sent before. */
  end(code: GrpcCode, text: string): void;
}

/** Bytes of a request message, of any method. The largest legal request of the health service has 203. */
export const MAX_REQUEST_BYTES = 4_096;

/** The methods of server reflection. */
export const REFLECTION_PATHS: readonly string[] = [
  "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
  "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
];
