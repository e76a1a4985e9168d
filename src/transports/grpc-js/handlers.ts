/**
 * Registers our services on a grpc-js `Server`: one of ours, or an application's own (health only).
 */
import type {
  Server,
  ServerDuplexStream,
  ServerUnaryCall,
  ServerWritableStream,
  StatusObject,
  sendUnaryData,
} from "@grpc/grpc-js";
import type { Clock } from "../../core/clock.js";
import { HealthError } from "../../core/health-error.js";
import { GRPC_CODES, type GrpcCode } from "../../wire/grpc-code.js";
import { DEGRADED_KEY, type UnaryAnswer } from "../grpc/answers.js";
import type { StreamCall } from "../grpc/engine.js";
import type { HealthService } from "../grpc/health-service.js";
import type { ReflectionService } from "../grpc/reflection.js";
import { openTakenWatch } from "../grpc/taken-watch.js";
import { healthDefinition, newMetadata } from "./definition.js";

type UnaryCall = ServerUnaryCall<Buffer, Buffer>;
type WritableCall = ServerWritableStream<Buffer, Buffer>;
type DuplexCall = ServerDuplexStream<Buffer, Buffer>;

const asIs = (bytes: Buffer): Buffer => bytes;

/**
 * Registers Check, List and Watch.
 * @throws HealthError ALREADY_ADDED when the server has a health service already, INVALID_OPTION when it is no server.
 */
export function addHealthService(server: Server, service: HealthService, clock: Clock): void {
  if (typeof Object(server).addService !== "function")
    throw new HealthError("INVALID_OPTION", "addToServer: expected a Server of @grpc/grpc-js");
  const definition = healthDefinition();
  try {
    server.addService(definition, {
      Check: (call: UnaryCall, respond: sendUnaryData<Buffer>) => reply(call, respond, service.check(call.request)),
      List: (call: UnaryCall, respond: sendUnaryData<Buffer>) =>
        reply(call, respond, service.list(call.request, authorizationOf(call))),
      Watch: (call: WritableCall) => watch(call, service, clock),
    });
  } catch (cause) {
    const message = "this gRPC server has a health service already; add healthbridge once, and no other health service";
    throw new HealthError("ALREADY_ADDED", message, { cause });
  }
}

/** Registers a method that answers by its status code alone, for load balancers that read only the code. */
export function addStatusCodeMethod(server: Server, path: string, service: HealthService): void {
  const handler = (call: UnaryCall, respond: sendUnaryData<Buffer>) => reply(call, respond, service.byCode());
  if (!server.register(path, handler, asIs, asIs, "unary")) {
    throw new HealthError("INVALID_OPTION", `statusCodePaths: "${path}" is a method that this server has already`);
  }
}

/** Registers both versions of server reflection. */
export function addReflectionService(server: Server, service: ReflectionService): void {
  for (const path of service.paths) {
    server.register(path, (call: DuplexCall) => reflect(call, service), asIs, asIs, "bidi");
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

function watch(call: WritableCall, service: HealthService, clock: Clock): void {
  const close = openTakenWatch(callOf(call), call.request, { service, clock });
  call.once("cancelled", close);
  call.once("finish", close);
}

/** Hands the requests of a call to the service, the next one after the answer to the one before was taken. */
function reflect(call: DuplexCall, service: ReflectionService): void {
  const stream = service.open(callOf(call));
  call.on("data", (message: Buffer) => {
    call.pause();
    stream.receive(message, () => void call.resume());
  });
  call.once("end", () => stream.halfClose());
  // grpc-js emits this when the HTTP/2 stream closes, after a call that ended well too
  call.once("cancelled", () => stream.close());
}

/** The interface of a call that our services use. */
function callOf(call: WritableCall | DuplexCall): StreamCall {
  return {
    send: (message, onSent) => void call.write(message, () => onSent()),
    end: (code, text) => {
      if (code === "OK") call.end();
      // grpc-js ends a stream with another code on this event, after what was written before
      else call.emit("error", errorOf(code, text));
    },
  };
}

function errorOf(code: GrpcCode, text: string): Pick<StatusObject, "code" | "details"> & Error {
  return Object.assign(new Error(text), { code: GRPC_CODES[code], details: text });
}
