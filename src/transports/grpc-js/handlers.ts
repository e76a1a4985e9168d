/**
 * Puts a `HealthService` on a grpc-js `Server`: one of ours, or one that an application brings along.
 */
import type { Server, ServerUnaryCall, ServerWritableStream, StatusObject, sendUnaryData } from "@grpc/grpc-js";
import { HealthError } from "../../core/health-error.js";
import { GRPC_CODES, type GrpcCode } from "../../wire/grpc-code.js";
import { DEGRADED_KEY, type UnaryAnswer } from "../grpc/answers.js";
import type { HealthService } from "../grpc/health-service.js";
import type { WatchCall } from "../grpc/watch.js";
import { healthDefinition, newMetadata } from "./definition.js";

type UnaryCall = ServerUnaryCall<Buffer, Buffer>;
type StreamingCall = ServerWritableStream<Buffer, Buffer>;

/**
 * Registers Check, List and Watch.
 * @throws HealthError ALREADY_ADDED when the server has a health service already.
 */
export function addHealthService(server: Server, service: HealthService): void {
  const definition = healthDefinition();
  try {
    server.addService(definition, {
      Check: (call: UnaryCall, respond: sendUnaryData<Buffer>) => reply(call, respond, service.check(call.request)),
      List: (call: UnaryCall, respond: sendUnaryData<Buffer>) =>
        reply(call, respond, service.list(call.request, authorizationOf(call))),
      Watch: (call: StreamingCall) => watch(call, service),
    });
  } catch (cause) {
    const message = "this gRPC server has a health service already; add healthbridge once, and no other health service";
    throw new HealthError("ALREADY_ADDED", message, { cause });
  }
}

/** Registers a method that answers by its status code alone, for balancers that read nothing else. */
export function addStatusCodeMethod(server: Server, path: string, service: HealthService): void {
  const asIs = (bytes: Buffer): Buffer => bytes;
  const handler = (call: UnaryCall, respond: sendUnaryData<Buffer>) => reply(call, respond, service.byCode());
  if (!server.register(path, handler, asIs, asIs, "unary")) {
    throw new HealthError("INVALID_OPTION", `statusCodePaths: "${path}" is a method that this server has already`);
  }
}

function authorizationOf(call: UnaryCall): string | undefined {
  return call.metadata.get("authorization")[0]?.toString();
}

function reply(call: UnaryCall, respond: sendUnaryData<Buffer>, answer: UnaryAnswer): void {
  if ("code" in answer) {
    respond(errorOf(answer.code, answer.text));
    return;
  }
  if (answer.degraded) {
    const metadata = newMetadata();
    metadata.set(DEGRADED_KEY, "true");
    call.sendMetadata(metadata);
  }
  respond(null, answer.message);
}

function watch(call: StreamingCall, service: HealthService): void {
  const close = service.watch(call.request, watchCallOf(call));
  call.once("cancelled", close);
  call.once("finish", close);
}

function watchCallOf(call: StreamingCall): WatchCall {
  return {
    send: (message, onSent) => void call.write(message, () => onSent()),
    // grpc-js ends a stream with another code than OK when it hears this event, after what was written before
    end: (code, text) => void call.emit("error", errorOf(code, text)),
  };
}

function errorOf(code: GrpcCode, text: string): Pick<StatusObject, "code" | "details"> & Error {
  return Object.assign(new Error(text), { code: GRPC_CODES[code], details: text });
}
