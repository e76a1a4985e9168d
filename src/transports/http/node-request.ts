/**
 * A request of Node's HTTP servers as plain data, with its body where the answer depends on it.
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Http2ServerRequest, Http2ServerResponse } from "node:http2";
import type { Readable, Writable } from "node:stream";
import type { HttpRequest } from "../../wire/http-message.js";
import { MAX_CALL_BODY_BYTES } from "./connect-json.js";

/** A request of `node:http`, or of the compatibility API of `node:http2`. */
export type NodeRequest = IncomingMessage | Http2ServerRequest;

/** The response to it. connect-node has a type of its own for HTTP/2, whose `write` has another callback. */
export type NodeResponse = ServerResponse | (Omit<Http2ServerResponse, "write"> & Pick<Writable, "write">);

/** The request with the body that was read for it. */
export function requestOf(request: NodeRequest, body: Buffer | undefined): HttpRequest {
  const { method = "", url: target = "", headers } = request;
  return {
    method,
    target,
    accept: headers.accept,
    contentType: headers["content-type"],
    authorization: headers.authorization,
    consulToken: firstOf(headers["x-consul-token"]),
    host: firstOf(headers[":authority"]) ?? headers.host,
    body,
    lastEventId: firstOf(headers["last-event-id"]),
    connection: "stream" in request ? request.stream?.session : undefined,
  };
}

/** The value of a header that may be repeated. */
export function firstOf(value: string | readonly string[] | undefined): string | undefined {
  return typeof value === "string" ? value : value?.[0];
}

/**
 * The body of a request to an application. A body parser may have read it before: it leaves `request.body`, as bytes, as
 * text, or as the value that the JSON stands for. Some leave an empty object also where they read nothing.
 */
export function bodyOf(request: NodeRequest & { readonly body?: unknown }): Promise<Buffer> {
  const isUnread = !request.readableDidRead && !request.readableEnded && !request.destroyed;
  return isUnread ? readBody(request) : Promise.resolve(parsedBody(request.body));
}

/** The bytes of a body that was parsed, as far as a call needs them: `service` is its only field. */
function parsedBody(body: unknown): Buffer {
  if (body instanceof Uint8Array) return Buffer.from(body.subarray(0, MAX_CALL_BODY_BYTES + 1));
  if (typeof body === "string") return Buffer.from(body.slice(0, MAX_CALL_BODY_BYTES + 1));
  if (typeof body !== "object" || body === null || Array.isArray(body)) return Buffer.alloc(0);
  const service = fieldOf(body, "service");
  if (service === undefined) return Buffer.from("{}");
  // another value is as wrong as null
  const text = typeof service === "string" ? service.slice(0, MAX_CALL_BODY_BYTES + 1) : null;
  return Buffer.from(JSON.stringify({ service: text }));
}

/** A field of an application's object; null where its getter throws. */
function fieldOf(body: object, name: string): unknown {
  try {
    return Reflect.get(body, name);
  } catch {
    return null;
  }
}

/**
 * Reads a body. Of one that is too long, it reads the beginning: more than is allowed. Never rejects: when the client has
 * gone, it resolves with what came. The rest stays unread and the stream alive: leaving an iterator would destroy the
 * stream, and the answer with it.
 */
export function readBody(request: Readable): Promise<Buffer> {
  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    let length = 0;
    const onData = (chunk: Buffer) => {
      chunks.push(chunk);
      length += chunk.length;
      if (length > MAX_CALL_BODY_BYTES) finish();
    };
    const finish = () => {
      request.off("data", onData).pause();
      resolve(Buffer.concat(chunks));
    };
    request.on("data", onData).once("end", finish).once("error", finish).once("close", finish);
  });
}
