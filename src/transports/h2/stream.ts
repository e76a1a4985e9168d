/**
 * One request and its answer (RFC 9113, section 5.1), seen by the server:
 *
 *     HEADERS --> open ----END_STREAM-------> half-closed (remote) --our END_STREAM--> closed
 *                  |                                                                     ^
 *                  +--our END_STREAM--> half-closed (local) --END_STREAM-----------------+
 *                  |                                        --late: RST_STREAM(NO_ERROR)-+
 *                  +-- RST_STREAM of either side ----------------------------------------+
 *
 * Data that the client's windows do not allow yet waits here, in order (section 5.2).
 */
import type { CancelTimer } from "../../core/clock.js";
import type { BytesReader } from "../../core/shared-bytes.js";
import {
  DATA,
  DEFAULT_WINDOW,
  END_HEADERS,
  END_STREAM,
  type ErrorCode,
  HEADERS,
  MAX_31_BITS,
  MAX_FRAME_BYTES,
} from "../../wire/http2/frames.js";
import type { RequestHead } from "./request-head.js";
import type { SendFlow } from "./send-flow.js";
import type { Streams } from "./streams.js";
import type { Template } from "./writer.js";

/** Answers one request. */
export interface Call {
  /** A part of the request's body. */
  onData(bytes: Buffer): void;
  /** The request is complete. */
  onEnd(): void;
  /** The call must end now: its request took too long, or the connection closes. */
  abort(why: "late" | "closing"): void;
  /** The stream is over. Called once, last. */
  onClose(): void;
}

/** A whole answer, made beforehand: in one piece, and in its parts. */
export interface ReadyAnswer {
  readonly template: Template;
  readonly head: Uint8Array;
  readonly data: Buffer;
  readonly trailers: Uint8Array;
}

interface BodyPart {
  readonly body: BytesReader;
  readonly end: boolean;
  readonly onSent: (() => void) | undefined;
}

/** A piece of the answer that waits: data, or the trailers that end it. */
type Part = BodyPart | { readonly trailers: Uint8Array };

export class Stream {
  readonly id: number;
  readonly head: RequestHead;
  readonly connection: object;
  /** The client has not ended its side. */
  arriving = true;
  /** The client may leave the answer unread: `answerTimeoutMs` does not apply. A Watch costs one slot. */
  mayStall = false;
  /** When the request must be complete; `undefined` until it has to be waited for. */
  requestDueAt: number | undefined;
  /** When the waiting answer last made progress, in monotonic time. */
  progressAt = 0;
  #call: Call | undefined;
  readonly #streams: Streams;
  readonly #flow: SendFlow;
  #sendWindow: number;
  #receiveWindow = DEFAULT_WINDOW;
  #received = 0;
  #parts: Part[] | undefined;
  #isOpenEnded = false;
  /** Our side has not ended. */
  #answering = true;
  #closed = false;

  constructor(id: number, head: RequestHead, streams: Streams, sendWindow: number) {
    this.id = id;
    this.head = head;
    this.#streams = streams;
    this.connection = streams;
    this.#flow = streams.flow;
    this.#sendWindow = sendWindow;
  }

  /** Sets what answers the request. It may have answered already. */
  setCall(call: Call): void {
    this.#call = call;
    if (!this.#answering) call.onClose();
  }

  /** The client allows DATA on this stream: an answer that waits does so for the socket. */
  get hasSendWindow(): boolean {
    return this.#sendWindow > 0 && this.#flow.window > 0;
  }

  /** A part of the answer waits for the client to take it. */
  get isWaiting(): boolean {
    return this.#parts !== undefined;
  }

  /** The client may leave its side open, and send as much as is acknowledged. */
  get isOpenEnded(): boolean {
    return this.#isOpenEnded;
  }

  /** Lets the client leave its side open: `requestTimeoutMs` does not apply any more. */
  leaveOpen(): void {
    if (this.#isOpenEnded || !this.arriving) return;
    this.#isOpenEnded = true;
    this.#streams.arrived();
  }

  /** Takes a part of the body. A client that ignores our window could fill the memory (section 6.9.1). */
  receive(bytes: Buffer): void {
    this.#received += bytes.length;
    this.#receiveWindow -= bytes.length;
    const { contentLength } = this.head;
    if (this.#receiveWindow < 0) this.#streams.break(this, "FLOW_CONTROL_ERROR");
    else if (contentLength !== undefined && this.#received > contentLength) this.#streams.break(this, "PROTOCOL_ERROR");
    else if (this.#answering && bytes.length > 0) this.#call?.onData(bytes);
  }

  /** The client has ended its side. The body must be as long as `content-length` says (section 8.1.1). */
  receiveEnd(): void {
    this.#endArrival();
    const { contentLength } = this.head;
    if (contentLength !== undefined && this.#received !== contentLength) this.#streams.break(this, "PROTOCOL_ERROR");
    else if (this.#answering) this.#call?.onEnd();
    else this.close();
  }

  /** Lets the client send `bytes` more. Only an open-ended request needs it: all others are shorter than the window. */
  acknowledge(bytes: number): void {
    if (!this.arriving || bytes === 0) return;
    this.#receiveWindow += bytes;
    this.#streams.widenReceiveWindow(this.id, bytes);
  }

  /** Sets a timer of the call. What `action` throws ends the connection, and not the process. */
  setTimer(delayMs: number, action: () => void): CancelTimer {
    return this.#streams.setTimer(delayMs, action);
  }

  /** Works in a later turn, in fair order with other connections. */
  queue(work: () => void): void {
    this.#streams.queue(work);
  }

  abort(why: "late" | "closing"): void {
    if (this.#answering) this.#call?.abort(why);
    if (!this.#answering) this.reset("NO_ERROR");
  }

  /** Adds to the client's window; false when it exceeds 2^31-1 (section 6.9.1). */
  widenSendWindow(octets: number): boolean {
    this.#sendWindow += octets;
    return this.#sendWindow <= MAX_31_BITS;
  }

  /** Sends a whole answer. */
  answer({ template, head, data, trailers }: ReadyAnswer): void {
    if (!this.#answering) return;
    const { writer } = this.#flow;
    if (this.#fits(data.length) && !writer.owesTableSize) {
      this.#flow.spend(data.length);
      writer.answer(template, this.id);
      this.#end();
    } else {
      this.sendHead(head, { end: false });
      this.sendData(data);
      this.sendTrailers(trailers);
    }
  }

  /** Sends the header fields, or, with `end`, an answer without a body. */
  sendHead(block: Uint8Array, { end }: { readonly end: boolean }): void {
    if (!this.#answering) return;
    this.#flow.writer.frame(HEADERS, END_HEADERS | (end ? END_STREAM : 0), this.id, block);
    if (end) this.#end();
  }

  /** Sends a few bytes of body. `onSent` is called when there is room for more, never before this returns. */
  sendData(bytes: Buffer, { onSent }: { readonly onSent?: () => void } = {}): void {
    if (!this.#fits(bytes.length)) this.#queue({ body: this.#flow.hold(bytes), end: false, onSent });
    else {
      this.#writeData(bytes, false);
      if (onSent !== undefined) this.#flow.writer.whenWritable(onSent);
    }
  }

  /** Sends a body as fast as the client takes it, then the trailers, or END_STREAM without them. Closes the reader. */
  sendBody(body: BytesReader | Buffer, trailers?: Uint8Array): void {
    const reader = Buffer.isBuffer(body) ? this.#flow.hold(body) : body;
    this.#queue({ body: reader, end: trailers === undefined, onSent: undefined });
    if (trailers !== undefined) this.sendTrailers(trailers);
  }

  /** Sends the trailers, after all data, and so ends. */
  sendTrailers(trailers: Uint8Array): void {
    this.#queue({ trailers });
  }

  /** Ends the stream at once with RST_STREAM. */
  reset(code: ErrorCode): void {
    if (this.#closed) return;
    this.#streams.writeReset(this.id, code);
    this.close();
  }

  /** The stream is over: nothing more is sent. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#endArrival();
    this.#streams.forget(this);
    this.#endAnswer();
  }

  /** Sends what waits, as far as the client takes it; true when nothing waits any more. */
  pump(): boolean {
    for (let part = this.#parts?.[0]; part !== undefined; part = this.#parts?.[0]) {
      if ("trailers" in part) {
        this.#flow.writer.frame(HEADERS, END_HEADERS | END_STREAM, this.id, part.trailers);
        this.#end();
        return true;
      }
      if (!this.#pumpBody(part.body, part.end)) return false;
      this.#parts?.shift();
      if (part.onSent !== undefined) this.#flow.writer.whenWritable(part.onSent);
      if (part.end) this.#end();
    }
    this.#parts = undefined;
    return true;
  }

  #pumpBody(body: BytesReader, end: boolean): boolean {
    while (body.bytesLeft > 0) {
      const room = Math.min(this.#sendWindow, this.#flow.room, MAX_FRAME_BYTES);
      if (room <= 0) return false;
      const bytes = body.read(room);
      this.#writeData(bytes, end && body.bytesLeft === 0);
      this.progressAt = this.#flow.now();
    }
    body.close();
    return true;
  }

  /** Whether so many bytes can be sent now, as one frame. */
  #fits(length: number): boolean {
    const room = Math.min(this.#sendWindow, this.#flow.window, MAX_FRAME_BYTES);
    return this.#answering && this.#parts === undefined && length <= room;
  }

  #writeData(bytes: Buffer, end: boolean): void {
    this.#sendWindow -= bytes.length;
    this.#flow.spend(bytes.length);
    this.#flow.writer.frame(DATA, end ? END_STREAM : 0, this.id, bytes);
  }

  #queue(part: Part): void {
    if (!this.#answering) {
      if ("body" in part) part.body.close();
      return;
    }
    if (this.#parts !== undefined) {
      this.#parts.push(part);
      return;
    }
    this.#parts = [part];
    this.progressAt = this.#flow.now();
    if (!this.pump()) this.#flow.wait(this);
  }

  #endArrival(): void {
    if (!this.arriving) return;
    this.arriving = false;
    if (!this.#isOpenEnded) this.#streams.arrived();
  }

  /** Our side has ended. A client that may leave its own side open gets RST_STREAM(NO_ERROR) (section 8.1). */
  #end(): void {
    this.#endAnswer();
    if (!this.arriving) this.close();
    else if (this.#isOpenEnded) this.reset("NO_ERROR");
  }

  #endAnswer(): void {
    if (!this.#answering) return;
    this.#answering = false;
    for (const part of this.#parts ?? []) if ("body" in part) part.body.close();
    this.#parts = undefined;
    this.#call?.onClose();
  }
}
