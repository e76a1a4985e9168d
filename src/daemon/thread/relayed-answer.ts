/**
 * A request that a listener thread passes to the main thread, which knows the past, and its answer as plain data.
 *
 *     thread: request --> main thread: its bridge --> status, headers, bytes --> thread --> client
 */
import type { SharedBytesPool } from "../../core/shared-bytes.js";
import type { HttpBridge } from "../../transports/http/bridge.js";
import type { HttpAnswer, HttpRequest } from "../../wire/http-message.js";

/** An answer that is copied to another thread. */
export interface RelayedAnswer {
  readonly status: number;
  readonly headers: HttpAnswer["headers"];
  readonly body: string | Uint8Array;
}

/** The parts of a request that can be copied to another thread. */
export function relayableRequest(request: HttpRequest): HttpRequest {
  return { ...request, connection: undefined };
}

/** Answers a request with a bridge of the main thread. No route that is relayed has a streamed body. */
export function answerRelayed(bridge: HttpBridge, request: HttpRequest): Promise<RelayedAnswer> {
  return new Promise((resolve) => {
    bridge.answerRelayed(request, ({ status, headers, body }) => resolve({ status, headers, body: plainBody(body) }));
  });
}

/** The answer in the thread, whose clients read a large body at their own speed. */
export function receivedAnswer({ status, headers, body }: RelayedAnswer, pool: SharedBytesPool): HttpAnswer {
  if (typeof body === "string") return { status, headers, body };
  return { status, headers, body: pool.share([Buffer.from(body.buffer, body.byteOffset, body.byteLength)]) };
}

function plainBody(body: HttpAnswer["body"]): RelayedAnswer["body"] {
  if (typeof body === "string") return body;
  if ("start" in body) throw new TypeError("a stream cannot be relayed");
  const reader = body.open(() => {});
  const chunks: Buffer[] = [];
  while (reader.bytesLeft > 0) chunks.push(reader.read(reader.bytesLeft));
  reader.close();
  return Buffer.concat(chunks);
}
