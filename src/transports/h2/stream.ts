/**
 * One request and its answer (RFC 9113, section 5.1). The server's side of it:
 *
 *     HEADERS --> open ----END_STREAM-------> half-closed (remote) --our END_STREAM--> closed
 *                  |                                                                     ^
 *                  +--our END_STREAM--> half-closed (local) --END_STREAM-----------------+
 *                  |                                        --late: RST_STREAM(NO_ERROR)-+
 *                  +-- RST_STREAM of either side ----------------------------------------+
 *
 * What the peer's windows don't allow yet waits here, in order (section 5.2).
 */
import {
  DATA,
  END_HEADERS,
  END_STREAM,
  type ErrorCode,
  HEADERS,
  MAX_31_BITS,
  MAX_FRAME_BYTES,
} from "../../wire/http2/frames.js";
import type { Template } from "./outbox.js";
import type { RequestHead } from "./request-head.js";

/** What answers one request: the layer above. */
export interface Exchange {
  /** A part of the body. */
  onData(bytes: Buffer): void;
  /** The request is there as a whole. */
  onEnd(): void;
  /** We wait no longer, for the request or with the answer: it ends here, with what there is to say. */
  giveUp(why: "late" | "closing"): void;
  /** The stream is over, whoever ended it. Called once, last. */
  onClose(): void;
}

/** The connection, as its streams see it. */
export interface Link {
  /** Octets of DATA that the peer takes on the connection now (section 6.9). */
  window: number;
  frame(type: number, flags: number, streamId: number, payload: Uint8Array): void;
  answer(template: Template, streamId: number): void;
  /** Ready-made answers can be sent: no peculiarity of the peer is in the way. */
  readonly takesTemplates: boolean;
  /** The stream has something to send for which there is no window. */
  waitForWindow(stream: Stream): void;
  /** Counts what waits in memory; ends the connection when that is too much. */
  retain(octets: number): void;
  reset(streamId: number, code: ErrorCode): void;
  /** A request is whole, or will never be. */
  arrived(): void;
  /** The stream is over. */
  forget(stream: Stream): void;
  /** Calls `action` when the socket takes more, in a later step. */
  whenWritable(action: () => void): void;
}

/** Something that is still to be sent: data, or the fields at the end. */
interface Part {
  readonly type: typeof DATA | typeof HEADERS;
  readonly bytes: Uint8Array;
  readonly end: boolean;
  readonly onSent: (() => void) | undefined;
  sent: number;
}

export class Stream {
  readonly id: number;
  readonly head: RequestHead;
  exchange: Exchange | undefined;
  /** The request is not whole yet. */
  arriving = true;
  /** When the request has to be whole; `undefined` until somebody has to wait for it. */
  dueAt: number | undefined;
  readonly #link: Link;
  #window: number;
  #received = 0;
  #parts: Part[] | undefined;
  /** We have not said all that there is to say. */
  #answering = true;
  #closed = false;

  constructor(id: number, head: RequestHead, link: Link, window: number) {
    this.id = id;
    this.head = head;
    this.#link = link;
    this.#window = window;
  }

  /** Something waits to be sent that the peer's windows don't allow. */
  get isStuck(): boolean {
    return this.#parts !== undefined;
  }

  /** A part of the request's body has come. */
  receive(bytes: Buffer): void {
    this.#received += bytes.length;
    const { contentLength } = this.head;
    if (contentLength !== undefined && this.#received > contentLength) this.reset("PROTOCOL_ERROR");
    else if (this.#answering && bytes.length > 0) this.exchange?.onData(bytes);
  }

  /** The request is whole (section 8.1.1: as long as it said). */
  receiveEnd(): void {
    this.arriving = false;
    this.#link.arrived();
    const { contentLength } = this.head;
    if (contentLength !== undefined && this.#received !== contentLength) this.reset("PROTOCOL_ERROR");
    else if (this.#answering) this.exchange?.onEnd();
    else this.close();
  }

  /** The rest of the request is waited for no longer. */
  giveUp(why: "late" | "closing"): void {
    if (this.#answering) this.exchange?.giveUp(why);
    if (!this.#answering) this.reset("NO_ERROR");
  }

  /** The peer gives more window; false when that is more than there can be (section 6.9.1). */
  widen(octets: number): boolean {
    this.#window += octets;
    return this.#window <= MAX_31_BITS;
  }

  /** Sends a whole answer that is ready-made: `template`, or the same in its parts. */
  answer({ template, head, data, trailers }: ReadyAnswer): void {
    if (!this.#answering) return;
    if (this.#fits(data.length) && this.#link.takesTemplates) {
      this.#link.window -= data.length;
      this.#link.answer(template, this.id);
      this.#end();
    } else {
      this.sendHead(head, { end: false });
      this.sendData(data);
      this.sendTrailers(trailers);
    }
  }

  /** Sends the fields before a body, or, with `end`, an answer that has none. */
  sendHead(block: Uint8Array, { end }: { readonly end: boolean }): void {
    if (!this.#answering) return;
    this.#link.frame(HEADERS, END_HEADERS | (end ? END_STREAM : 0), this.id, block);
    if (end) this.#end();
  }

  /** Sends a part of the body; `onSent` is called when there is room for more, never before this returns. */
  sendData(bytes: Uint8Array, { end = false, onSent }: { end?: boolean; onSent?: () => void } = {}): void {
    if (this.#fits(bytes.length)) this.#sendAtOnce(bytes, end, onSent);
    else this.#send({ type: DATA, bytes, end, onSent, sent: 0 });
  }

  /** Sends the fields after the body, and so ends. */
  sendTrailers(block: Uint8Array): void {
    this.#send({ type: HEADERS, bytes: block, end: true, onSent: undefined, sent: 0 });
  }

  /** Ends the stream at once: what it asked can't be answered. */
  reset(code: ErrorCode): void {
    if (this.#closed) return;
    this.#link.reset(this.id, code);
    this.close();
  }

  /** The stream is over, and nothing more is sent on it. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    if (this.arriving) this.#link.arrived();
    this.arriving = false;
    this.#link.forget(this);
    this.#endAnswer();
  }

  /** Sends what waits, as far as the windows allow; true when nothing waits any more. */
  pump(): boolean {
    for (let part = this.#parts?.[0]; part !== undefined; part = this.#parts?.[0]) {
      if (!this.#sendPart(part)) return false;
      this.#parts?.shift();
      if (part.onSent !== undefined) this.#link.whenWritable(part.onSent);
      if (part.end) this.#end();
    }
    this.#parts = undefined;
    return true;
  }

  /** Whether so much data is a frame that can be sent now. */
  #fits(length: number): boolean {
    const window = Math.min(this.#window, this.#link.window, MAX_FRAME_BYTES);
    return this.#answering && this.#parts === undefined && length <= window;
  }

  #sendAtOnce(bytes: Uint8Array, end: boolean, onSent: (() => void) | undefined): void {
    this.#window -= bytes.length;
    this.#link.window -= bytes.length;
    this.#link.frame(DATA, end ? END_STREAM : 0, this.id, bytes);
    if (onSent !== undefined) this.#link.whenWritable(onSent);
    if (end) this.#end();
  }

  #send(part: Part): void {
    if (!this.#answering) return;
    this.#link.retain(part.bytes.length);
    if (!this.#answering) return; // that was too much
    if (this.#parts !== undefined) {
      this.#parts.push(part);
      return;
    }
    this.#parts = [part];
    if (!this.pump()) this.#link.waitForWindow(this);
  }

  #sendPart(part: Part): boolean {
    const { bytes, end } = part;
    if (part.type === HEADERS) {
      this.#transmit(part, HEADERS, END_HEADERS | END_STREAM, bytes);
      return true;
    }
    do {
      const left = bytes.length - part.sent;
      const length = Math.min(left, this.#window, this.#link.window, MAX_FRAME_BYTES);
      if (left > 0 && length <= 0) return false;
      this.#window -= length;
      this.#link.window -= length;
      const flags = end && length === left ? END_STREAM : 0;
      this.#transmit(part, DATA, flags, bytes.subarray(part.sent, part.sent + length));
    } while (part.sent < bytes.length);
    return true;
  }

  #transmit(part: Part, type: number, flags: number, bytes: Uint8Array): void {
    this.#link.frame(type, flags, this.id, bytes);
    part.sent += bytes.length;
    this.#link.retain(-bytes.length);
  }

  /** Our side has ended. The client has still to end its own, in its time. */
  #end(): void {
    this.#endAnswer();
    if (!this.arriving) this.close();
  }

  #endAnswer(): void {
    if (!this.#answering) return;
    this.#answering = false;
    for (const { bytes, sent } of this.#parts ?? []) this.#link.retain(sent - bytes.length);
    this.#parts = undefined;
    this.exchange?.onClose();
  }
}

/** A whole answer, made beforehand. */
export interface ReadyAnswer {
  readonly template: Template;
  readonly head: Uint8Array;
  readonly data: Uint8Array;
  readonly trailers: Uint8Array;
}
