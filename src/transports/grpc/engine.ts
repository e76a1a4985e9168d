/**
 * What is common to the engines that speak HTTP/2: ours (`transports/h2`) and grpc-js (`transports/grpc-js`).
 */
import type { Socket } from "node:net";

/** An engine: connections in, and a way to end them. */
export interface GrpcEngine {
  /** Takes a connection whose first bytes are those of HTTP/2. */
  accept(socket: Socket): void;
  /** Asks every client to go (GOAWAY); calls in run may finish. */
  drain(): void;
}

/** Bytes of a request message, of any method. The largest legal request of the health service has 203. */
export const MAX_REQUEST_BYTES = 4_096;

/** The methods of server reflection. */
export const REFLECTION_PATHS: readonly string[] = [
  "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
  "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
];
