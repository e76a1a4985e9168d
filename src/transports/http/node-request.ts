/**
 * A request of Node's HTTP server as plain data, with its body where the answer depends on it.
 */
import type { IncomingMessage } from "node:http";
import type { Readable } from "node:stream";
import type { HttpRequest } from "../../wire/http-message.js";
import { MAX_CALL_BODY_BYTES } from "./connect-json.js";

/** The request with the body that was read for it. */
export function requestOf(request: IncomingMessage, body: Buffer | undefined): HttpRequest {
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
