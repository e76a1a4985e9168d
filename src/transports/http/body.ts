/**
 * A request of Node's HTTP/1 server as plain data, with its body where there is a use for one.
 */
import type { IncomingMessage } from "node:http";
import type { Readable } from "node:stream";
import type { HttpRequest } from "../../wire/http-message.js";
import { MAX_BODY_BYTES } from "./connect-json.js";
import { type Bridge, routeOf } from "./render.js";

/** The request, with the body that was read for it. */
export function readRequest(request: IncomingMessage, body: Buffer | undefined): HttpRequest {
  const { method = "", url: target = "", headers } = request;
  return {
    method,
    target,
    accept: headers.accept,
    contentType: headers["content-type"],
    authorization: headers.authorization,
    body,
  };
}

/** Whether the answer depends on the body: only a call as JSON has one. */
export function wantsBody(bridge: Bridge, request: Pick<IncomingMessage, "method" | "url">): boolean {
  return request.method === "POST" && routeOf(bridge, request.url ?? "").kind === "call";
}

/**
 * The body; of one that is too long, its beginning, longer than is allowed. Never rejects: of a client that has gone, what
 * came. The rest is left unread and the stream alive (leaving an iterator would destroy it, and the answer with it).
 */
export function readBody(request: Readable): Promise<Buffer> {
  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    let length = 0;
    const onData = (chunk: Buffer) => {
      chunks.push(chunk);
      length += chunk.length;
      if (length > MAX_BODY_BYTES) finish();
    };
    const finish = () => {
      request.off("data", onData).pause();
      resolve(Buffer.concat(chunks));
    };
    request.on("data", onData).once("end", finish).once("error", finish).once("close", finish);
  });
}
