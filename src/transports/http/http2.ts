/**
 * Plain HTTP that came over HTTP/2: `curl --http2-prior-knowledge`, Envoy's and HAProxy's checks over HTTP/2.
 */
import { constants, type IncomingHttpHeaders, type ServerHttp2Stream } from "node:http2";
import { background } from "../../core/background.js";
import type { HttpAnswer } from "../../wire/http-message.js";
import { readBody, wantsBody } from "./body.js";
import type { Bridge } from "./render.js";
import { reply } from "./reply.js";

/** A handler for streams that are not gRPC calls. */
export function createHttp2Responder(
  bridge: Bridge,
): (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => void {
  return (stream, headers) => {
    // the client is gone or has broken its own stream: `close` follows, and there is nobody to tell
    stream.on("error", () => {});
    background(respond(bridge, stream, headers), bridge.reader.instance, "an answer over HTTP/2");
  };
}

async function respond(bridge: Bridge, stream: ServerHttp2Stream, headers: IncomingHttpHeaders): Promise<void> {
  const { ":method": method = "", ":path": target = "", accept, "content-type": contentType, authorization } = headers;
  const body = wantsBody(bridge, { method, url: target }) ? await readBody(stream) : undefined;
  reply(bridge, { method, target, accept, contentType, authorization, body }, (answer) => send(stream, method, answer));
}

function send(stream: ServerHttp2Stream, method: string, { status, headers, body }: HttpAnswer): void {
  if (stream.destroyed) return;
  const bytes = Buffer.from(body);
  const answerHeaders = { ":status": status, ...headers, "content-length": bytes.length };
  stream.respond(answerHeaders, { endStream: method === "HEAD" });
  if (method !== "HEAD") stream.end(bytes);
  // a client that is sending a body which nobody reads is told so, after the answer (RFC 9113, section 8.1)
  if (!stream.endAfterHeaders && !stream.readableEnded) stream.close(constants.NGHTTP2_NO_ERROR);
}
