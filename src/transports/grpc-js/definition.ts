/**
 * The service definition, from the `grpc-health-check` package, with our own bytes in place of its messages.
 *
 * Names, paths and kinds of calls come from the package. Its serializers are those of protobufjs, which reads a truncated
 * request as one for the overall status (docs/known-faults.md 0.4): ours pass the bytes on, and `wire/` reads them.
 *
 * Packages are required when they are first needed: importing the library loads none, and `addToServer` is synchronous.
 */
import { createRequire } from "node:module";
import type { Metadata, MethodDefinition, ServiceDefinition } from "@grpc/grpc-js";

/** A method whose request and answer are plain bytes. */
type BytesMethod = MethodDefinition<Buffer, Buffer>;

/** `grpc.health.v1.Health` in bytes. */
export type HealthDefinition = ServiceDefinition & {
  readonly Check: BytesMethod;
  readonly List: BytesMethod;
  readonly Watch: BytesMethod;
};

const require = createRequire(import.meta.url);

const asIs = (bytes: Buffer): Buffer => bytes;

/** A method of the packaged definition, in bytes. */
function inBytes<Method extends object>(method: Method): Method & BytesMethod {
  const bytes = {
    requestSerialize: asIs,
    requestDeserialize: asIs,
    responseSerialize: asIs,
    responseDeserialize: asIs,
  };
  return Object.assign({}, method as Method & BytesMethod, bytes);
}

/** The definition of `grpc.health.v1.Health`. Loads `grpc-health-check`. */
export function healthDefinition(): HealthDefinition {
  // the package is CommonJS; its own types say what it exports
  const { service } = require("grpc-health-check") as typeof import("grpc-health-check");
  const { Check, List, Watch } = service;
  if (Check === undefined || List === undefined || Watch === undefined) {
    throw new Error("the installed grpc-health-check lacks Check, List or Watch; version 2.1 or later is needed");
  }
  return { Check: inBytes(Check), List: inBytes(List), Watch: inBytes(Watch) };
}

/** An empty set of metadata. grpc-js is loaded already when a call arrives. */
export function newMetadata(): Metadata {
  const grpc = require("@grpc/grpc-js") as typeof import("@grpc/grpc-js");
  return new grpc.Metadata();
}
