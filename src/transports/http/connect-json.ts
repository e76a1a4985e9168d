/**
 * `Check` and `List` as JSON over POST: what the Connect protocol and transcoders to gRPC answer, for curl and browsers.
 *
 *     POST /grpc.health.v1.Health/Check   {"service":"a.B"}   200 {"status":"SERVING"}
 *                                                             404 {"code":"not_found","message":"unknown service"}
 *
 * Source: connectrpc.com/docs/protocol, "Unary (Request-Response) RPCs" and "Error codes". Unlike proto3's JSON, a zero
 * is written out: `{}` would be a poor way to say UNKNOWN.
 */
import { isAuthorized } from "../../core/bearer-token.js";
import { MAX_SERVICE_NAME_BYTES } from "../../core/service-name.js";
import type { StatusReader } from "../../registry/ports.js";
import type { HttpAnswer, HttpRequest } from "../../wire/http-message.js";
import { jsonAnswer, methodNotAllowed, textAnswer } from "./answer.js";

/** The largest body that is read, in bytes: a name of 200 bytes, escaped, fits many times over. */
export const MAX_BODY_BYTES = 4096;

const JSON_CONTENT_TYPE = /^application\/json(?:$|;)/i;

/** Answers a call. */
export function answerCall(
  reader: StatusReader,
  request: HttpRequest,
  call: { readonly method: "Check" | "List"; readonly listLimit: number; readonly token: string | undefined },
): HttpAnswer {
  if (request.method !== "POST") return methodNotAllowed("POST");
  if (!JSON_CONTENT_TYPE.test(request.contentType ?? "")) {
    return textAnswer(415, "UNSUPPORTED_MEDIA_TYPE", { "accept-post": "application/json" });
  }
  const body = request.body ?? Buffer.alloc(0);
  if (body.length > MAX_BODY_BYTES) return failure(429, "resource_exhausted", "request too large");
  const message = readMessage(body);
  if (message === undefined) return failure(400, "invalid_argument", "malformed request");
  if (call.method === "Check") return answerCheck(reader, message);
  if (!isAuthorized(request.authorization, call.token)) return failure(401, "unauthenticated", "a token is needed");
  return answerList(reader, call.listLimit);
}

function answerCheck(reader: StatusReader, message: object): HttpAnswer {
  const service: unknown = "service" in message ? message.service : "";
  if (typeof service !== "string") return failure(400, "invalid_argument", "malformed request");
  if (Buffer.byteLength(service) > MAX_SERVICE_NAME_BYTES) {
    return failure(400, "invalid_argument", "service name too long");
  }
  const found = reader.read(service);
  return found === undefined ? failure(404, "not_found", "unknown service") : success({ status: found.status });
}

function answerList(reader: StatusReader, listLimit: number): HttpAnswer {
  const entries = [...reader.services()].map(([service, { status }]) => [service, { status }] as const);
  if (entries.length > listLimit) return failure(429, "resource_exhausted", "too many services to list");
  return success({ statuses: Object.fromEntries(entries) });
}

function readMessage(body: Buffer): object | undefined {
  try {
    const message: unknown = JSON.parse(body.toString("utf8"));
    return typeof message === "object" && message !== null && !Array.isArray(message) ? message : undefined;
  } catch {
    return undefined;
  }
}

function success(message: object): HttpAnswer {
  return jsonAnswer(200, message, { "content-type": "application/json" });
}

function failure(status: number, code: string, message: string): HttpAnswer {
  return jsonAnswer(status, { code, message }, { "content-type": "application/json" });
}
