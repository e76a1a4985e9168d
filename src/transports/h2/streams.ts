/**
 * The streams of one connection: what a frame may do in the state of its stream (RFC 9113, section 5.1), how many
 * streams may be open, and flow control (section 5.2).
 *
 *     HEADERS, CONTINUATION --> head --> Stream --> Call
 *     DATA, WINDOW_UPDATE, RST_STREAM ----^  |
 *                                            '--> writer
 *
 * A stream is here from its HEADERS to its end. Of ended streams only two numbers are kept, and the identifiers of those
 * that the server reset last (`StreamHistory`).
 */
import type { CancelTimer } from "../../core/clock.js";
import {
  CONTINUATION,
  ConnectionError,
  DATA,
  DEFAULT_WINDOW,
  END_STREAM,
  type ErrorCode,
  HEADERS,
  MAX_31_BITS,
  PRIORITY,
  PUSH_PROMISE,
  RST_STREAM,
  resetFrame,
  WINDOW_UPDATE,
  windowUpdateFrame,
} from "../../wire/http2/frames.js";
import { HeaderBlocks, readHeadersPayload, withoutPadding } from "../../wire/http2/header-block.js";
import type { Budget } from "./budget.js";
import type { Connection } from "./connection.js";
import { OpenStreams } from "./open-streams.js";
import { HeadReader, type RequestHead } from "./request-head.js";
import { SendFlow } from "./send-flow.js";
import { type Call, Stream } from "./stream.js";
import { StreamHistory } from "./stream-history.js";
import type { FrameWriter } from "./writer.js";

/** Streams that may be open at once: SETTINGS_MAX_CONCURRENT_STREAMS. */
export const MAX_STREAMS = 1_024;

export class Streams {
  readonly flow: SendFlow;
  readonly #writer: FrameWriter;
  readonly #connection: Connection;
  readonly #budget: Budget;
  readonly #openCall: (stream: Stream) => Call;
  readonly #heads = new HeadReader();
  readonly #open = new OpenStreams();
  readonly #history = new StreamHistory();
  readonly #blocks = new HeaderBlocks((streamId, endStream, block) => this.#onBlock(streamId, endStream, block));
  #unacknowledged = 0;
  /** Requests that are not complete and must be. */
  #arriving = 0;
  /** The window of a new stream: SETTINGS_INITIAL_WINDOW_SIZE of the client. */
  #initialSendWindow = DEFAULT_WINDOW;

  /** @param openCall finds what answers a request */
  constructor(connection: Connection, writer: FrameWriter, budget: Budget, openCall: (stream: Stream) => Call) {
    this.#connection = connection;
    this.#openCall = openCall;
    this.#writer = writer;
    this.#budget = budget;
    this.flow = new SendFlow(writer, connection);
  }

  /** The number of open streams. */
  get size(): number {
    return this.#open.size;
  }

  /** The last stream that is or was served. */
  get lastServed(): number {
    return this.#history.lastServed;
  }

  /** A request or an answer waits for the client. */
  get hasWaiting(): boolean {
    return this.#arriving > 0 || this.flow.hasWaiting;
  }

  /** Serves no stream that the client opens from now on. */
  refuseNew(): void {
    this.#history.serveUpTo(this.#history.lastId);
  }

  closeAll(): void {
    for (const stream of this.#open.all()) stream.close();
  }

  abortAll(): void {
    for (const stream of this.#open.all()) stream.abort("closing");
  }

  /** The open streams, the oldest first. */
  all(): readonly Stream[] {
    return this.#open.all();
  }

  /** Works in a later turn, in fair order with other connections. What the work throws ends the connection. */
  queue(work: () => void): void {
    this.#connection.share.queue(() => this.#connection.guard(work));
  }

  /** Sets a timer whose action may throw: that ends the connection. */
  setTimer(delayMs: number, action: () => void): CancelTimer {
    return this.#connection.clock.setTimer(delayMs, () => this.#connection.guard(action));
  }

  /** Handles a frame of a stream, or of the connection's window. Returns false for all others. @throws ConnectionError */
  onFrame(type: number, flags: number, streamId: number, payload: Buffer): boolean {
    this.#blocks.requireInOrder(type, streamId);
    if (type === DATA) this.#onData(flags, streamId, payload);
    else if (type === HEADERS) this.#onHeaders(flags, streamId, payload);
    else if (type === CONTINUATION) this.#blocks.continue(flags, payload);
    else if (type === PRIORITY) this.#onPriority(streamId, payload);
    else if (type === RST_STREAM) this.#onReset(streamId);
    else if (type === WINDOW_UPDATE) this.#onWindowUpdate(streamId, payload);
    else if (type === PUSH_PROMISE) throw new ConnectionError("PROTOCOL_ERROR", "PUSH_PROMISE from a client");
    else return false;
    return true;
  }

  /** The client has changed SETTINGS_INITIAL_WINDOW_SIZE: the windows of open streams change with it (section 6.9.2). */
  setInitialSendWindow(octets: number): void {
    const change = octets - this.#initialSendWindow;
    this.#initialSendWindow = octets;
    for (const stream of this.#open.all()) {
      if (!stream.widenSendWindow(change)) throw new ConnectionError("FLOW_CONTROL_ERROR", "a window above 2^31-1");
    }
    this.flow.pump();
  }

  widenReceiveWindow(streamId: number, octets: number): void {
    this.#writer.frames(windowUpdateFrame(streamId, octets));
  }

  writeReset(streamId: number, code: ErrorCode): void {
    this.#history.reset(streamId);
    this.#writer.frames(resetFrame(streamId, code));
  }

  /** Resets a stream whose client has broken a rule. @throws ConnectionError when that happens too often */
  break(stream: Stream, code: ErrorCode): void {
    this.#budget.spendReset("broken");
    stream.reset(code);
  }

  /** A request is complete, or never will be. */
  arrived(): void {
    this.#arriving -= 1;
  }

  /** The stream is over. */
  forget(stream: Stream): void {
    this.#open.delete(stream.id);
    this.flow.forget(stream);
    this.#connection.onStreamEnd();
  }

  /** Section 6.2. */
  #onHeaders(flags: number, streamId: number, payload: Buffer): void {
    if (streamId % 2 === 0) throw new ConnectionError("PROTOCOL_ERROR", "HEADERS with an even stream identifier");
    const { fragment, dependency } = readHeadersPayload(flags, payload);
    if (dependency === streamId) throw new ConnectionError("PROTOCOL_ERROR", "a stream that depends on itself");
    this.#blocks.begin(flags, streamId, fragment);
  }

  /** Section 6.1. */
  #onData(flags: number, streamId: number, payload: Buffer): void {
    const stream = this.#open.get(streamId);
    const content = withoutPadding(flags, payload);
    const ends = (flags & END_STREAM) !== 0;
    if (content.length === 0 && !ends) this.#budget.spendFrame();
    this.#acknowledge(payload.length);
    if (stream === undefined) this.#history.requireExcuse(streamId, "DATA");
    else if (!stream.arriving) this.break(stream, "STREAM_CLOSED");
    else {
      // padding is not handed on, so its window is given back here
      if (payload.length !== content.length && stream.isOpenEnded)
        this.widenReceiveWindow(streamId, payload.length - content.length);
      stream.receive(content);
      if (ends && this.#open.get(streamId) !== undefined) stream.receiveEnd();
    }
  }

  /** Section 6.4. */
  #onReset(streamId: number): void {
    this.#history.requireNotIdle(streamId, "RST_STREAM");
    const stream = this.#open.get(streamId);
    const isCut = stream?.arriving === true && !stream.isOpenEnded;
    this.#budget.spendReset(isCut ? "broken" : "cancelled");
    stream?.close();
  }

  /** Section 6.9. */
  #onWindowUpdate(streamId: number, payload: Buffer): void {
    this.#budget.spendFrame();
    const increment = payload.readUInt32BE(0) & MAX_31_BITS;
    if (streamId === 0) this.flow.widen(increment);
    else this.#widenStream(streamId, increment);
  }

  /** Section 6.3: priorities are checked and ignored. */
  #onPriority(streamId: number, payload: Buffer): void {
    this.#budget.spendFrame();
    if ((payload.readUInt32BE(0) & MAX_31_BITS) === streamId)
      throw new ConnectionError("PROTOCOL_ERROR", "a stream that depends on itself");
  }

  #onBlock(streamId: number, endStream: boolean, block: Buffer): void {
    const stream = this.#open.get(streamId);
    if (stream !== undefined) this.#onTrailers(stream, endStream, block);
    else if (streamId > this.#history.lastId) this.#onRequest(streamId, endStream, block);
    else {
      this.#history.requireExcuse(streamId, "HEADERS");
      this.#heads.skip(block);
    }
  }

  #onTrailers(stream: Stream, endStream: boolean, block: Buffer): void {
    const fault = this.#heads.readTrailers(block);
    if (!stream.arriving) this.break(stream, "STREAM_CLOSED");
    else if (fault === "too long") this.break(stream, "ENHANCE_YOUR_CALM");
    else if (fault === "malformed" || !endStream) this.break(stream, "PROTOCOL_ERROR");
    else stream.receiveEnd();
  }

  #onRequest(streamId: number, endStream: boolean, block: Buffer): void {
    const head = this.#heads.read(block);
    this.#history.open(streamId);
    if (!this.#history.serves(streamId)) return;
    if (head === "malformed") this.#refuse(streamId, "PROTOCOL_ERROR");
    else if (head === "too long") this.#refuse(streamId, "ENHANCE_YOUR_CALM");
    else if (this.#open.size >= MAX_STREAMS || this.flow.isOverfull) this.#refuse(streamId, "REFUSED_STREAM");
    else this.#openStream(streamId, endStream, head);
  }

  #openStream(streamId: number, endStream: boolean, head: RequestHead): void {
    const stream = new Stream(streamId, head, this, this.#initialSendWindow);
    this.#budget.earn();
    this.#open.add(stream);
    this.#arriving += 1;
    stream.setCall(this.#openCall(stream));
    if (endStream && this.#open.get(streamId) !== undefined) stream.receiveEnd();
  }

  /**
   * A request that is not served. Only "too many at once" is not an error of the client: it may not have received the
   * limit yet.
   */
  #refuse(streamId: number, code: ErrorCode): void {
    this.#budget.spendReset(code === "REFUSED_STREAM" ? "cancelled" : "broken");
    this.writeReset(streamId, code);
  }

  /** Gives the connection's window back when half of it is used (section 6.9.1). */
  #acknowledge(octets: number): void {
    this.#unacknowledged += octets;
    if (this.#unacknowledged <= DEFAULT_WINDOW / 2) return;
    this.widenReceiveWindow(0, this.#unacknowledged);
    this.#unacknowledged = 0;
  }

  #widenStream(streamId: number, increment: number): void {
    this.#history.requireNotIdle(streamId, "WINDOW_UPDATE");
    const stream = this.#open.get(streamId);
    if (stream === undefined) return;
    if (increment === 0) this.break(stream, "PROTOCOL_ERROR");
    else if (!stream.widenSendWindow(increment)) this.break(stream, "FLOW_CONTROL_ERROR");
    else if (stream.pump()) this.flow.forget(stream);
  }
}
