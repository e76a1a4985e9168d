/**
 * Web requests: what Hono, Next.js route handlers, SvelteKit, Elysia and Bun hand over, answered by a web `Response`.
 */
import type { UnderlyingSource } from "node:stream/web";
import type { BytesReader, SharedBytes } from "../../core/shared-bytes.js";
import type { HttpAnswer, StreamedBody } from "../../wire/http-message.js";
import type { HttpBridge } from "./bridge.js";
import { lengthOf, UnreadAnswers } from "./sending.js";

/** Answers a web request; `paths` mean `/healthcheck`. Never rejects. */
export type FetchHandler = (request: Request, paths?: readonly string[]) => Promise<Response>;

/** Bytes that are read in one step. A large answer waits in memory only once, for all its readers. */
const CHUNK_BYTES = 64 * 1024;

/** Nothing is copied before it is read. */
const ON_DEMAND = { highWaterMark: 0 } as const;

export function createFetchHandler(bridge: HttpBridge): FetchHandler {
  const unread = new UnreadAnswers(bridge.clock, bridge.instance);
  const respond = ({ status, headers, body }: HttpAnswer, method: string): Response => {
    const length = lengthOf(body);
    const contentLength: [string, string][] = length === undefined ? [] : [["content-length", String(length)]];
    const init = { status, headers: [...Object.entries(headers), ...contentLength] };
    if (method === "HEAD") return new Response(null, init);
    if (typeof body === "string") return new Response(body, init);
    const source = "start" in body ? new StreamedSource(body, unread) : new SharedBytesSource(body, unread);
    return new Response(new ReadableStream(source, ON_DEMAND), init);
  };
  return async (request, paths = []) => {
    const { method, headers, url } = request;
    const { pathname, search, host: urlHost } = new URL(url);
    const target = (paths.includes(pathname) ? "/healthcheck" : pathname) + search;
    const body = bridge.wantsBody(method, target) ? await readBody(request, bridge.tooManyBodyBytes) : undefined;
    const accept = headers.get("accept") ?? undefined;
    const contentType = headers.get("content-type") ?? undefined;
    const authorization = headers.get("authorization") ?? undefined;
    return new Promise((resolve) => {
      const send = (answer: HttpAnswer) => resolve(respond(answer, method));
      const lastEventId = headers.get("last-event-id") ?? undefined;
      // a framework may have put another host into the URL
      const host = headers.get("host") ?? urlHost;
      bridge.answer({ method, target, accept, contentType, authorization, host, body, lastEventId }, send);
    });
  };
}

/** Reads a body up to `tooManyBytes`. A body that was read before, or that fails, is as far as it came. */
async function readBody({ body }: Request, tooManyBytes: number): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  if (body === null || body.locked) return Buffer.alloc(0);
  const reader = body.getReader();
  try {
    while (length < tooManyBytes) {
      const { done, value } = await reader.read();
      if (done) break;
      chunks.push(value);
      length += value.length;
    }
  } catch {
    // the client has gone
  }
  await reader.cancel().catch(() => {});
  return Buffer.concat(chunks).subarray(0, tooManyBytes);
}

/** The source of a stream of shared bytes. The stream fails when it is not read for 30 s, or when its memory is needed. */
class SharedBytesSource implements UnderlyingSource<Uint8Array> {
  readonly #bytes: SharedBytes;
  readonly #unread: UnreadAnswers;
  #reader: BytesReader | undefined;
  #unwatch = () => {};

  constructor(bytes: SharedBytes, unread: UnreadAnswers) {
    this.#bytes = bytes;
    this.#unread = unread;
  }

  start(controller: ReadableStreamDefaultController<Uint8Array>): void {
    const fail = (reason: string) => {
      this.cancel();
      controller.error(new Error(reason));
    };
    const reader = this.#bytes.open(() => fail("the memory of this answer was needed for newer ones"));
    this.#reader = reader;
    const end = () => fail("this answer was not read for 30 s");
    this.#unwatch = this.#unread.watch({ progress: () => reader.bytesLeft, end });
  }

  pull(controller: ReadableStreamDefaultController<Uint8Array>): void {
    if (this.#reader === undefined) return;
    // a copy: what takes the stream may detach its bytes
    controller.enqueue(Uint8Array.from(this.#reader.read(CHUNK_BYTES)));
    if (this.#reader.bytesLeft > 0) return;
    this.cancel();
    controller.close();
  }

  cancel(): void {
    this.#unwatch();
    this.#reader?.close();
  }
}

/** The source of a streamed body: a piece is sent when the one before it has been read. */
class StreamedSource implements UnderlyingSource<Uint8Array> {
  readonly #body: StreamedBody;
  readonly #unread: UnreadAnswers;
  #stop = () => {};
  #unwatch = () => {};
  #sent = 0;
  /** Set while a piece waits to be read. */
  #onSent: (() => void) | undefined;

  constructor(body: StreamedBody, unread: UnreadAnswers) {
    this.#body = body;
    this.#unread = unread;
  }

  start(controller: ReadableStreamDefaultController<Uint8Array>): void {
    let isOpen = true;
    const close = (end: () => void) => {
      if (!isOpen) return;
      isOpen = false;
      this.cancel();
      end();
    };
    const fail = (reason: string) => close(() => controller.error(new Error(reason)));
    this.#unwatch = this.#unread.watch({
      progress: () => (this.#onSent === undefined ? undefined : this.#sent),
      end: () => fail("this answer was not read for 30 s"),
    });
    this.#stop = this.#body.start({
      write: (bytes, onSent) => {
        if (!isOpen) return;
        this.#onSent = onSent;
        controller.enqueue(Uint8Array.from(bytes));
      },
      end: (bytes) =>
        close(() => {
          controller.enqueue(Uint8Array.from(bytes));
          controller.close();
        }),
      abort: () => fail("the server has ended this answer before it was complete"),
    });
  }

  pull(): void {
    if (this.#onSent === undefined) return;
    setImmediate(this.#onSent);
    this.#onSent = undefined;
    this.#sent += 1;
  }

  cancel(): void {
    this.#unwatch();
    this.#stop();
  }
}
