/**
 * The streams of an HTTP/2 connection as a client: requests that wait or are open, what a frame may do to them
 * (RFC 9113, section 5.1), and the windows of flow control (section 5.2).
 *
 *     request --> HEADERS, DATA as far as the windows allow --> open --> ended
 *
 * A request does not wait for a free stream: the target may have none for ever. The caller takes a new connection then.
 * Ended streams are forgotten, except the newest of those that healthbridge reset: the target may have sent frames on
 * them before it received the reset.
 */
import {
  ConnectionError,
  DATA,
  DEFAULT_WINDOW,
  END_HEADERS,
  END_STREAM,
  ERROR_CODES,
  type ErrorCode,
  frameOf,
  HEADERS,
  MAX_31_BITS,
  MAX_FRAME_BYTES,
  resetFrame,
  windowUpdateFrame,
} from "../wire/http2/frames.js";
import { HeaderBlocks, readHeadersPayload, withoutPadding } from "../wire/http2/header-block.js";
import { HpackDecoder } from "../wire/http2/hpack-decoder.js";
import { EMPTY_TABLE } from "../wire/http2/hpack-encoder.js";
import { defaultPeerSettings, readSettings } from "../wire/http2/settings.js";
import { BrokenCall, Unanswered } from "./broken-call.js";
import { brokenBy, type Http2Stream, StreamError } from "./http2-stream.js";

/** Streams reset here that late frames are still accepted for. */
const MAX_RESET = 32;

export class Http2Streams {
  readonly #send: (frame: Buffer) => void;
  readonly #peer = defaultPeerSettings();
  readonly #decoder = new HpackDecoder();
  readonly #open = new Map<number, Http2Stream>();
  readonly #reset = new Set<number>();
  readonly #blocks = new HeaderBlocks((streamId, endStream, block) => this.#onBlock(streamId, endStream, block));
  #nextId = 1;
  /** Octets of the largest request so far. */
  #largestBody = 0;
  #sendWindow = DEFAULT_WINDOW;
  /** Octets of DATA since the last WINDOW_UPDATE of the connection. */
  #unacknowledged = 0;

  /** @param send writes a frame to the target */
  constructor(send: (frame: Buffer) => void) {
    this.#send = send;
  }

  /** Whether no request is open. */
  get isEmpty(): boolean {
    return this.#open.size === 0;
  }

  /**
   * Whether another request, like those before, can be sent now. Otherwise it would wait for the target, which may never
   * allow it.
   */
  get canOpen(): boolean {
    const window = Math.min(this.#sendWindow, this.#peer.initialWindow);
    return this.#open.size < this.#peer.maxConcurrentStreams && window >= this.#largestBody;
  }

  /** Streams that the target allows at once. */
  get maxConcurrent(): number {
    return this.#peer.maxConcurrentStreams;
  }

  /** Sends a request. It fails as unprocessed when the target allows no further stream. */
  request(stream: Http2Stream): void {
    if (this.#open.size >= this.#peer.maxConcurrentStreams) {
      stream.fail(new Unanswered(new BrokenCall("unprocessed", "the target allows no further call at the same time")));
      return;
    }
    stream.id = this.#nextId;
    stream.sendWindow = this.#peer.initialWindow;
    this.#nextId += 2;
    this.#largestBody = Math.max(this.#largestBody, stream.unsent.length);
    this.#open.set(stream.id, stream);
    const block = this.#peer.owesTableSize ? Buffer.concat([EMPTY_TABLE, stream.head]) : stream.head;
    this.#peer.owesTableSize = false;
    this.#send(frameOf(HEADERS, stream.unsent.length === 0 ? END_HEADERS | END_STREAM : END_HEADERS, stream.id, block));
    this.#pump(stream);
  }

  /** Ends a request that is no longer wanted. */
  cancel(stream: Http2Stream): void {
    if (!this.#open.has(stream.id)) return;
    this.#resetStream(stream, "CANCEL");
    this.#forget(stream);
    stream.fail(new BrokenCall("cancelled", "the call is cancelled"));
  }

  /** Checks, for each frame, that a header block is not interrupted (section 6.10). */
  requireInOrder(type: number, streamId: number): void {
    this.#blocks.requireInOrder(type, streamId);
  }

  /** Fails every call. When the connection is lost, a call without any answer fails with Unanswered. */
  failAll(error: Error, isLost: boolean): void {
    const streams = [...this.#open.values()];
    this.#open.clear();
    for (const stream of streams) stream.fail(isLost && !stream.hasBegun ? new Unanswered(error) : error);
  }

  /** GOAWAY with `code`: the streams above `lastId` were not processed (section 6.8). */
  failAbove(lastId: number, code: number): void {
    const text = `the target is going away and did not take the call (GOAWAY ${errorName(code)})`;
    const error = new BrokenCall("unprocessed", text);
    const refused = [...this.#open.values()].filter(({ id }) => id > lastId);
    for (const { id } of refused) {
      this.#open.delete(id);
      this.#noteReset(id);
    }
    for (const stream of refused) stream.fail(new Unanswered(error));
  }

  /** Section 6.5. */
  onSettings(payload: Buffer): void {
    const { initialWindow } = this.#peer;
    readSettings(payload, this.#peer);
    if (this.#peer.enablesPush) throw new ConnectionError("PROTOCOL_ERROR", "a server that sends ENABLE_PUSH 1");
    const shift = this.#peer.initialWindow - initialWindow;
    for (const stream of this.#open.values())
      if (!stream.widen(shift)) throw new ConnectionError("FLOW_CONTROL_ERROR", "a window above 2^31-1");
    this.#pumpAll();
  }

  /** Section 6.2. */
  onHeaders(flags: number, streamId: number, payload: Buffer): void {
    this.#requireKnown(streamId, "HEADERS");
    const { fragment } = readHeadersPayload(flags, payload);
    this.#blocks.begin(flags, streamId, fragment);
  }

  /** Section 6.10. */
  onContinuation(flags: number, payload: Buffer): void {
    this.#blocks.continue(flags, payload);
  }

  /** Section 6.1. */
  onData(flags: number, streamId: number, payload: Buffer): void {
    this.#requireKnown(streamId, "DATA");
    const content = withoutPadding(flags, payload);
    const endsStream = (flags & END_STREAM) !== 0;
    this.#unacknowledged = this.#acknowledge(0, this.#unacknowledged + payload.length);
    const stream = this.#open.get(streamId);
    if (stream === undefined) return;
    const octets = stream.unacknowledged + payload.length;
    if (!endsStream) stream.unacknowledged = this.#acknowledge(streamId, octets);
    this.#receive(stream, () => stream.receiveData(content, endsStream));
  }

  /** Section 6.4. */
  onReset(streamId: number, payload: Buffer): void {
    this.#requireNotIdle(streamId, "RST_STREAM");
    const stream = this.#open.get(streamId);
    if (stream === undefined) return;
    this.#forget(stream);
    const code = payload.readUInt32BE(0);
    if (code === ERROR_CODES.REFUSED_STREAM)
      stream.fail(new Unanswered(new BrokenCall("unprocessed", "the target refused the call (REFUSED_STREAM)")));
    else stream.fail(new BrokenCall("reset", `the target reset the stream (${errorName(code)})`));
  }

  /** Section 6.9. */
  onWindowUpdate(streamId: number, payload: Buffer): void {
    const increment = payload.readUInt32BE(0) & MAX_31_BITS;
    if (streamId === 0) this.#widen(increment);
    else this.#widenStream(streamId, increment);
  }

  #onBlock(streamId: number, endStream: boolean, block: Buffer): void {
    // decoded for a stream that was reset too: the header tables of both sides must stay equal
    const list = this.#decoder.decode(block);
    const stream = this.#open.get(streamId);
    if (stream !== undefined) this.#receive(stream, () => stream.receiveHeaders(list, endStream));
  }

  /** Lets a stream take something, and ends it where that is the end, or breaks a rule. */
  #receive(stream: Http2Stream, take: () => void): void {
    try {
      take();
    } catch (error) {
      this.#resetStream(stream, error instanceof StreamError ? error.code : "CANCEL");
      this.#forget(stream);
      stream.fail(brokenBy(error));
      return;
    }
    if (!stream.hasEnded) return;
    if (stream.unsent.length > 0) this.#resetStream(stream, "CANCEL"); // the target needs no more of the request
    this.#forget(stream);
  }

  /** Sends as much of a request's body as the windows allow (section 6.9.1). */
  #pump(stream: Http2Stream): void {
    while (stream.unsent.length > 0) {
      const length = Math.min(stream.unsent.length, stream.sendWindow, this.#sendWindow, MAX_FRAME_BYTES);
      if (length <= 0) return;
      const part = stream.unsent.subarray(0, length);
      stream.unsent = stream.unsent.subarray(length);
      stream.sendWindow -= length;
      this.#sendWindow -= length;
      this.#send(frameOf(DATA, stream.unsent.length === 0 ? END_STREAM : 0, stream.id, part));
    }
  }

  #pumpAll(): void {
    for (const stream of this.#open.values()) this.#pump(stream);
  }

  #widen(increment: number): void {
    if (increment === 0) throw new ConnectionError("PROTOCOL_ERROR", "WINDOW_UPDATE of nothing");
    this.#sendWindow += increment;
    if (this.#sendWindow > MAX_31_BITS) throw new ConnectionError("FLOW_CONTROL_ERROR", "a window above 2^31-1");
    this.#pumpAll();
  }

  #widenStream(streamId: number, increment: number): void {
    this.#requireNotIdle(streamId, "WINDOW_UPDATE");
    const stream = this.#open.get(streamId);
    if (stream === undefined) return;
    this.#receive(stream, () => {
      if (increment === 0) throw new StreamError("PROTOCOL_ERROR", "the target sent a WINDOW_UPDATE of 0");
      if (!stream.widen(increment))
        throw new StreamError("FLOW_CONTROL_ERROR", "the target sent a window above 2^31-1");
      this.#pump(stream);
    });
  }

  /**
   * Gives a window back when half of it is used (section 6.9.1). Data is never stored, so a target cannot send more than
   * a window before this answers. Returns the octets that are still to be given back.
   */
  #acknowledge(streamId: number, octets: number): number {
    if (octets <= DEFAULT_WINDOW / 2) return octets;
    this.#send(windowUpdateFrame(streamId, octets));
    return 0;
  }

  #resetStream(stream: Http2Stream, code: ErrorCode): void {
    this.#send(resetFrame(stream.id, code));
    this.#noteReset(stream.id);
  }

  #noteReset(streamId: number): void {
    this.#reset.add(streamId);
    const [oldest = streamId] = this.#reset;
    if (this.#reset.size > MAX_RESET) this.#reset.delete(oldest);
  }

  #forget(stream: Http2Stream): void {
    this.#open.delete(stream.id);
  }

  /** A server opens no streams, so one that no request has opened is idle. */
  #requireNotIdle(streamId: number, frame: string): void {
    if (streamId % 2 === 0 || streamId >= this.#nextId)
      throw new ConnectionError("PROTOCOL_ERROR", `${frame} on a stream without a request`);
  }

  #requireKnown(streamId: number, frame: string): void {
    this.#requireNotIdle(streamId, frame);
    if (!this.#open.has(streamId) && !this.#reset.has(streamId))
      throw new ConnectionError("STREAM_CLOSED", `${frame} on a stream that has ended`);
  }
}

/** The name of an error code of section 7. */
export function errorName(code: number): string {
  return Object.entries(ERROR_CODES).find(([, number]) => number === code)?.[0] ?? `error code ${code}`;
}
