/**
 * The streams of a connection: what a frame may do in the state that its stream is in (RFC 9113, section 5.1), how many
 * there may be, and the windows (section 5.2).
 *
 * A stream is in the table from its HEADERS until it is over. Of those that are over nothing is kept but how many there
 * were, and the last that we have reset, on which the client may have sent more before it knew.
 */

import {
  ConnectionError,
  DEFAULT_WINDOW,
  END_HEADERS,
  END_STREAM,
  type ErrorCode,
  MAX_31_BITS,
  resetFrame,
  windowUpdateFrame,
} from "../../wire/http2/frames.js";
import { HeaderBlock, readHeadersPayload, withoutPadding } from "../../wire/http2/header-block.js";
import type { Carrier } from "./carrier.js";
import { HeadReader } from "./head-reader.js";
import { OpenStreams } from "./open-streams.js";
import type { Template } from "./outbox.js";
import type { RequestHead } from "./request-head.js";
import { type Link, Stream } from "./stream.js";
import { StreamHistory } from "./stream-history.js";

/** Streams that may be open at once: SETTINGS_MAX_CONCURRENT_STREAMS. */
export const MAX_STREAMS = 1_024;

const MAX_RETAINED_BYTES = 16 * 1024 * 1024;

export class StreamTable implements Link {
  window = DEFAULT_WINDOW;
  readonly #carrier: Carrier;
  readonly #heads = new HeadReader();
  readonly #streams = new OpenStreams();
  readonly #history = new StreamHistory();
  #block: HeaderBlock | undefined;
  #waiting: Set<Stream> | undefined;
  #unacknowledged = 0;
  #retained = 0;
  #arriving = 0;

  constructor(carrier: Carrier) {
    this.#carrier = carrier;
  }

  /** Open streams. */
  get size(): number {
    return this.#streams.size;
  }

  /** The last stream that was opened. */
  get lastId(): number {
    return this.#history.lastId;
  }

  /** The stream whose header block has begun and not ended; only its CONTINUATION may come now (section 6.10). */
  get expectsContinuationOf(): number | undefined {
    return this.#block?.streamId;
  }

  get takesTemplates(): boolean {
    return this.#carrier.takesTemplates;
  }

  /** The last stream that is served or was. */
  get lastServed(): number {
    return this.#history.lastServed;
  }

  /** Whether a request is not whole yet. */
  get hasArriving(): boolean {
    return this.#arriving > 0;
  }

  /** Serves no stream above this, which may be open already. */
  serveUpTo(streamId: number): void {
    this.#history.serveUpTo(streamId);
  }

  /** Ends every stream. */
  closeAll(): void {
    for (const stream of this.#streams.all()) stream.close();
  }

  /** Ends every stream with what there is to say. */
  giveUpAll(): void {
    for (const stream of this.#streams.all()) stream.giveUp("closing");
  }

  /** Gives up requests that are not whole in time; returns when the next has to be, and sets it where nobody had to wait. */
  giveUpLate(now: number, timeoutMs: number): number | undefined {
    let nextAt: number | undefined;
    for (const stream of this.#streams.all()) {
      if (!stream.arriving) continue;
      stream.dueAt ??= now + timeoutMs;
      if (stream.dueAt <= now) stream.giveUp("late");
      else nextAt = Math.min(nextAt ?? stream.dueAt, stream.dueAt);
    }
    return nextAt;
  }

  /** Section 6.2. */
  onHeaders(flags: number, streamId: number, payload: Buffer): void {
    if (streamId % 2 === 0) throw new ConnectionError("PROTOCOL_ERROR", "HEADERS on a stream that no client opens");
    const { fragment, dependency } = readHeadersPayload(flags, payload);
    const endStream = (flags & END_STREAM) !== 0;
    if (dependency === streamId) throw new ConnectionError("PROTOCOL_ERROR", "a stream that depends on itself");
    if ((flags & END_HEADERS) === 0) this.#block = new HeaderBlock(streamId, endStream, fragment);
    else this.#onBlock(streamId, endStream, fragment);
  }

  /** Section 6.10. */
  onContinuation(flags: number, payload: Buffer): void {
    const block = this.#block;
    if (block === undefined) throw new ConnectionError("PROTOCOL_ERROR", "CONTINUATION without HEADERS");
    block.add(payload);
    if ((flags & END_HEADERS) === 0) return;
    this.#block = undefined;
    this.#onBlock(block.streamId, block.endStream, block.whole());
  }

  /** Section 6.1. */
  onData(flags: number, streamId: number, payload: Buffer): void {
    const stream = this.#streams.get(streamId);
    const content = withoutPadding(flags, payload);
    const ends = (flags & END_STREAM) !== 0;
    if (content.length === 0 && !ends) this.#carrier.budget.spendFrame();
    this.#takeWindow(payload.length);
    if (stream === undefined) this.#history.requireExcuse(streamId, "DATA");
    else if (stream.arriving) this.#receive(stream, content, ends);
    else this.#spoil(stream, "STREAM_CLOSED");
  }

  #receive(stream: Stream, content: Buffer, ends: boolean): void {
    stream.receive(content);
    if (ends && this.#streams.get(stream.id) !== undefined) stream.receiveEnd();
  }

  /** Section 6.4. */
  onReset(streamId: number, payload: Buffer): void {
    if (payload.length !== 4) throw new ConnectionError("FRAME_SIZE_ERROR", "RST_STREAM of a wrong length");
    this.#history.requireNotIdle(streamId, "RST_STREAM");
    const stream = this.#streams.get(streamId);
    this.#carrier.budget.spendReset(stream?.arriving === true ? "spoilt" : "cancelled");
    stream?.close();
  }

  /** Section 6.9. */
  onWindowUpdate(streamId: number, payload: Buffer): void {
    if (payload.length !== 4) throw new ConnectionError("FRAME_SIZE_ERROR", "WINDOW_UPDATE of a wrong length");
    this.#carrier.budget.spendFrame();
    const increment = payload.readUInt32BE(0) & MAX_31_BITS;
    if (streamId === 0) this.#widen(increment);
    else this.#widenStream(streamId, increment);
  }

  /** Section 6.3: what it says is not heeded, only that it can be said. */
  onPriority(streamId: number, payload: Buffer): void {
    this.#carrier.budget.spendFrame();
    if (streamId === 0) throw new ConnectionError("PROTOCOL_ERROR", "PRIORITY of the connection");
    if (payload.length !== 5) throw new ConnectionError("FRAME_SIZE_ERROR", "PRIORITY of a wrong length");
    if ((payload.readUInt32BE(0) & MAX_31_BITS) === streamId)
      throw new ConnectionError("PROTOCOL_ERROR", "a stream that depends on itself");
  }

  /** The client has changed the window that streams begin with: open ones change with it (section 6.9.2). */
  shiftWindows(octets: number): void {
    for (const stream of this.#streams.all()) {
      if (!stream.widen(octets)) throw new ConnectionError("FLOW_CONTROL_ERROR", "a window above 2^31-1");
    }
    this.#pumpAll();
  }

  frame(type: number, flags: number, streamId: number, payload: Uint8Array): void {
    this.#carrier.frame(type, flags, streamId, payload);
  }

  answer(template: Template, streamId: number): void {
    this.#carrier.answer(template, streamId);
  }

  whenWritable(action: () => void): void {
    this.#carrier.whenWritable(action);
  }

  waitForWindow(stream: Stream): void {
    this.#waiting ??= new Set();
    this.#waiting.add(stream);
  }

  retain(octets: number): void {
    this.#retained += octets;
    if (this.#retained > MAX_RETAINED_BYTES)
      this.#carrier.fail(new ConnectionError("ENHANCE_YOUR_CALM", "more answers than are read"));
  }

  reset(streamId: number, code: ErrorCode): void {
    this.#history.reset(streamId);
    this.#carrier.frames(resetFrame(streamId, code));
  }

  arrived(): void {
    this.#arriving -= 1;
  }

  forget(stream: Stream): void {
    this.#streams.delete(stream.id);
    this.#waiting?.delete(stream);
    this.#carrier.onForget();
  }

  #onBlock(streamId: number, endStream: boolean, block: Buffer): void {
    const stream = this.#streams.get(streamId);
    if (stream !== undefined) this.#onTrailers(stream, endStream, block);
    else if (streamId > this.#history.lastId) this.#onRequest(streamId, endStream, block);
    else {
      this.#history.requireExcuse(streamId, "HEADERS");
      this.#heads.skip(block);
    }
  }

  #onTrailers(stream: Stream, endStream: boolean, block: Buffer): void {
    const fault = this.#heads.readTrailers(block);
    if (!stream.arriving) this.#spoil(stream, "STREAM_CLOSED");
    else if (fault === "too long") this.#spoil(stream, "ENHANCE_YOUR_CALM");
    else if (fault === "malformed" || !endStream) this.#spoil(stream, "PROTOCOL_ERROR");
    else stream.receiveEnd();
  }

  #onRequest(streamId: number, endStream: boolean, block: Buffer): void {
    const head = this.#heads.read(block);
    this.#history.open(streamId);
    if (!this.#history.serves(streamId)) return;
    if (head === "malformed") this.#refuse(streamId, "PROTOCOL_ERROR");
    else if (head === "too long") this.#refuse(streamId, "ENHANCE_YOUR_CALM");
    else if (this.#streams.size >= MAX_STREAMS) this.#refuse(streamId, "REFUSED_STREAM");
    else this.#openStream(streamId, endStream, head);
  }

  #openStream(streamId: number, endStream: boolean, head: RequestHead): void {
    const stream = new Stream(streamId, head, this, this.#carrier.initialWindow);
    this.#carrier.budget.earn();
    this.#streams.add(stream);
    this.#arriving += 1;
    this.#carrier.open(stream);
    if (endStream && this.#streams.get(streamId) !== undefined) stream.receiveEnd();
  }

  /** A request that is not served. It is the client's fault but for too many at once, which it may not know yet. */
  #refuse(streamId: number, code: ErrorCode): void {
    this.#carrier.budget.spendReset(code === "REFUSED_STREAM" ? "cancelled" : "spoilt");
    this.reset(streamId, code);
  }

  #spoil(stream: Stream, code: ErrorCode): void {
    this.#carrier.budget.spendReset("spoilt");
    stream.reset(code);
  }

  /**
   * Counts what has come, and gives it back when half of the window is used (section 6.9.1). A stream is given no more
   * than it had at first: no request of ours is so long.
   */
  #takeWindow(octets: number): void {
    this.#unacknowledged += octets;
    if (this.#unacknowledged <= DEFAULT_WINDOW / 2) return;
    this.#carrier.frames(windowUpdateFrame(0, this.#unacknowledged));
    this.#unacknowledged = 0;
  }

  #widen(increment: number): void {
    if (increment === 0) throw new ConnectionError("PROTOCOL_ERROR", "WINDOW_UPDATE of nothing");
    this.window += increment;
    if (this.window > MAX_31_BITS) throw new ConnectionError("FLOW_CONTROL_ERROR", "a window above 2^31-1");
    this.#pumpAll();
  }

  #widenStream(streamId: number, increment: number): void {
    this.#history.requireNotIdle(streamId, "WINDOW_UPDATE");
    const stream = this.#streams.get(streamId);
    if (stream === undefined) return;
    if (increment === 0) this.#spoil(stream, "PROTOCOL_ERROR");
    else if (!stream.widen(increment)) this.#spoil(stream, "FLOW_CONTROL_ERROR");
    else if (stream.pump()) this.#waiting?.delete(stream);
  }

  #pumpAll(): void {
    for (const stream of this.#waiting ?? []) if (stream.pump()) this.#waiting?.delete(stream);
  }
}
