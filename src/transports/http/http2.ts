/**
 * Plain HTTP over Node's HTTP/2, for the engine on grpc-js: `curl --http2-prior-knowledge`, Envoy's and HAProxy's checks.
 */
import { constants, type IncomingHttpHeaders, type ServerHttp2Stream } from "node:http2";
import { background } from "../../core/background.js";
import type { Clock } from "../../core/clock.js";
import type { HttpAnswer, HttpRequest, ServerResponder } from "../../wire/http-message.js";
import { firstOf, readBody } from "./node-request.js";
import { lengthOf, sendBytes, sendStream, UnreadAnswers } from "./sending.js";

/** A handler for streams that are not gRPC calls. */
export function createHttp2Responder(
  responder: ServerResponder,
): (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => void {
  const deps = { clock: responder.clock, unread: new UnreadAnswers(responder.clock, responder.instance) };
  const respond = async (stream: ServerHttp2Stream, headers: IncomingHttpHeaders): Promise<void> => {
    const { ":method": method = "", ":path": target = "", accept, authorization } = headers;
    const body = responder.wantsBody(method, target) ? await readBody(stream) : undefined;
    const request: HttpRequest = {
      ...{ method, target, accept, authorization, body },
      contentType: headers["content-type"],
      consulToken: firstOf(headers["x-consul-token"]),
      host: headers[":authority"] ?? headers.host,
      lastEventId: firstOf(headers["last-event-id"]),
      connection: stream.session,
    };
    const stop = responder.answer(request, (answer) => send(stream, answer, { ...deps, method }));
    if (stop === undefined) return;
    if (stream.closed) stop();
    else stream.once("close", stop);
  };
  return (stream, headers) => {
    // the client has closed the connection or reset its stream; `close` follows
    stream.on("error", () => {});
    background(respond(stream, headers), responder.instance, "an answer over HTTP/2");
  };
}

interface SendDeps {
  readonly clock: Clock;
  readonly unread: UnreadAnswers;
  readonly method: string;
}

function send(stream: ServerHttp2Stream, answer: HttpAnswer, { clock, unread, method }: SendDeps): void {
  if (stream.destroyed || stream.closed) return;
  const { status, headers, body } = answer;
  const length = lengthOf(body);
  const contentLength = length === undefined ? {} : { "content-length": length };
  stream.respond({ ":status": status, ...headers, ...contentLength }, { endStream: method === "HEAD" });
  // after the answer, RST_STREAM(NO_ERROR) asks the client to stop sending a body (RFC 9113, section 8.1)
  if (!stream.endAfterHeaders && !stream.readableEnded)
    stream.once("finish", () => stream.close(constants.NGHTTP2_NO_ERROR));
  if (method === "HEAD") return;
  if (typeof body === "string") {
    stream.end(body);
    return;
  }
  const abort = () => stream.close(constants.NGHTTP2_CANCEL);
  const progress = "start" in body ? sendStream(stream, body, abort) : sendBytes(stream, body, { clock, abort });
  stream.once("close", unread.watch({ progress, end: abort }));
}
