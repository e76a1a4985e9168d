/**
 * `Check` and `List` as JSON over POST, as the Connect protocol and transcoders to gRPC answer them, for curl and browsers.
 *
 *     POST /grpc.health.v1.Health/Check   {"service":"a.B"}   200 {"status":"SERVING"}
 *                                                             404 {"code":"not_found","message":"unknown service"}
 *
 * Source: connectrpc.com/docs/protocol, "Unary (Request-Response) RPCs" and "Error codes". Unlike proto3's JSON, a zero
 * is written out: `{}` would be a poor way to say UNKNOWN.
 */
import { type AccessToken, isAuthorized } from "../../core/bearer-token.js";
import { printable } from "../../core/printable.js";
import { MAX_SERVICE_NAME_BYTES, OVERALL } from "../../core/service-name.js";
import type { StatusReader } from "../../registry/ports.js";
import { CONNECT_HTTP_STATUS, connectErrorOf, type GrpcCode } from "../../wire/grpc-code.js";
import type { RequestReading } from "../../wire/health-messages.js";
import type { HttpAnswer, HttpRequest } from "../../wire/http-message.js";
import { jsonAnswer, jsonHeaders, methodNotAllowed, textAnswer } from "./answers.js";
import type { Page } from "./page-renderer.js";
import type { Snapshot, Snapshots } from "./snapshot.js";

/** The largest body that is read, in bytes. A name of 200 bytes, escaped, fits many times. */
export const MAX_CALL_BODY_BYTES = 4096;

const JSON_CONTENT_TYPE = /^application\/json(?:$|;)/i;

const CONTENT_TYPE = "application/json";

/** What calls are answered from. */
export interface CallSources {
  readonly reader: StatusReader;
  readonly snapshots: Snapshots;
  /** Declared services that a List answers, beside the server as a whole; more are refused. */
  readonly listLimit: number;
  /** Needed for a List. */
  readonly token: string | AccessToken | undefined;
}

export function answerCall(sources: CallSources, method: "Check" | "List", request: HttpRequest): HttpAnswer | Page {
  if (request.method !== "POST") return methodNotAllowed("POST");
  if (!JSON_CONTENT_TYPE.test(request.contentType ?? "")) {
    return textAnswer(415, "UNSUPPORTED_MEDIA_TYPE", { "accept-post": CONTENT_TYPE });
  }
  const body = request.body ?? Buffer.alloc(0);
  if (body.length > MAX_CALL_BODY_BYTES) return failure("RESOURCE_EXHAUSTED", "request too large");
  const message = parseMessage(body);
  if (message === undefined) return failure("INVALID_ARGUMENT", "malformed request");
  if (method === "Check") return answerCheck(sources.reader, message);
  if (!isAuthorized(request.authorization, sources.token)) return failure("UNAUTHENTICATED", "a token is needed");
  return listPage(sources);
}

function answerCheck(reader: StatusReader, message: object): HttpAnswer {
  const reading = readRequest(message);
  if ("fault" in reading) return failure("INVALID_ARGUMENT", reading.fault);
  const known = reader.read(reading.service);
  if (known === undefined) return failure("NOT_FOUND", "unknown service");
  return jsonAnswer(200, { status: known.status }, CONTENT_TYPE);
}

function listPage({ snapshots, listLimit }: CallSources): Page {
  const headers = jsonHeaders(CONTENT_TYPE);
  const isTooLong = ({ services }: Snapshot) =>
    services.length > listLimit && services.filter(([service]) => service !== OVERALL).length > listLimit;
  return {
    name: "list",
    key: `list ${listLimit}`,
    isVolatile: false,
    snapshot: () => snapshots.withServices(),
    pieces: function* (snapshot) {
      if (isTooLong(snapshot)) return;
      let separator = "";
      for (const [service, { status }] of snapshot.services) {
        yield `${separator}${printable(JSON.stringify(service))}:{"status":"${status}"}`;
        separator = ",";
      }
    },
    envelope: (snapshot) =>
      isTooLong(snapshot)
        ? { status: 429, headers, before: TOO_MANY_SERVICES, after: "" }
        : { status: 200, headers, before: '{"statuses":{', after: "}}" },
  };
}

const TOO_MANY_SERVICES = JSON.stringify(connectErrorOf("RESOURCE_EXHAUSTED", "too many services to list"));

/** The service of a HealthCheckRequest in JSON. */
export function readRequest(message: object): RequestReading {
  const service: unknown = "service" in message ? message.service : "";
  if (typeof service !== "string") return { fault: "malformed request" };
  return Buffer.byteLength(service) > MAX_SERVICE_NAME_BYTES ? { fault: "service name too long" } : { service };
}

/** Reads a message in JSON; `undefined` for what is none. */
export function parseMessage(body: Buffer): object | undefined {
  try {
    const message: unknown = JSON.parse(body.toString("utf8"));
    return typeof message === "object" && message !== null && !Array.isArray(message) ? message : undefined;
  } catch {
    return undefined;
  }
}

function failure(code: GrpcCode, message: string): HttpAnswer {
  return jsonAnswer(CONNECT_HTTP_STATUS[code], connectErrorOf(code, message), CONTENT_TYPE);
}
