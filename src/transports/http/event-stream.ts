/**
 * One client of `/events`: a position in the history of transitions, and at most one piece on its way to the client.
 *
 *     opened --> [ no position ] --snapshot--> [ position 57 ] --58, 59--> [ position 59 ] ...
 *                      ^                              |
 *                      '---- 58 is not kept any more -'
 *
 * A stream holds no queue. A slow client reads older transitions from the history, which all streams share. When the
 * history has dropped them, the client gets a snapshot: the statuses of now are true, and an event that waited for
 * minutes is not.
 */
import type { BytesReader } from "../../core/shared-bytes.js";
import type { HttpAnswer, StreamOutput } from "../../wire/http-message.js";
import { CLOSING, type EventPiece, HEARTBEAT, OPENING } from "./event-text.js";

export interface EventSource {
  /** Whether the transitions after a sequence are kept. */
  canContinue(sequence: number): boolean;
  /** The next events after a sequence. */
  after(sequence: number): EventPiece;
  /** The event that says what the fleet is now; `""` without a fleet, or for a client that may not see it. */
  fleet(): string;
  /** Calls `send` with the snapshot and the sequence that it continues from; without a snapshot, if it cannot be made. */
  snapshot(send: (body: HttpAnswer["body"] | undefined, sequence: number) => void): void;
}

/** Bytes of a snapshot that are sent at once. */
const MAX_PIECE_BYTES = 16 * 1024;

export class EventStream {
  readonly #source: EventSource;
  readonly #output: StreamOutput;
  /** `undefined`: a snapshot is due. */
  #position: number | undefined;
  #snapshot: BytesReader | undefined;
  /** The last event about the fleet that was sent. Only the newest one is of use. */
  #fleet = "";
  /** How often a snapshot was asked for: one that was begun before does not count. */
  #resyncs = 0;
  /** A snapshot is being made. */
  #isWaiting = false;
  #isSending = false;
  #isEnding = false;
  #isClosed = false;

  constructor(source: EventSource, output: StreamOutput, position: number | undefined) {
    this.#source = source;
    this.#output = output;
    this.#position = position;
    this.#write(OPENING);
  }

  /** Sends what the client has not got, if it has room. */
  pump(): void {
    if (this.#isSending || this.#isWaiting || this.#isClosed) return;
    if (this.#snapshot !== undefined) this.#sendSnapshot(this.#snapshot);
    else if (this.#position !== undefined && this.#source.canContinue(this.#position)) this.#sendEvents(this.#position);
    else if (this.#isEnding) this.#end();
    else this.#askSnapshot();
  }

  /** Sends a snapshot next: transitions do not show what has changed. */
  resync(): void {
    this.#position = undefined;
    this.#resyncs += 1;
    this.pump();
  }

  /** Tells the client that the stream is alive, if nothing else is on its way. */
  beat(): void {
    this.pump();
    if (!this.#isSending && !this.#isWaiting && !this.#isClosed) this.#write(HEARTBEAT);
  }

  /** Ends the stream when the client has got the transitions up to now. */
  end(): void {
    this.#isEnding = true;
    this.pump();
  }

  /** Ends the stream after the piece that is on its way. */
  cut(): void {
    // a part of a snapshot is no event that a stream could end after
    if (this.#snapshot !== undefined) {
      this.#output.abort();
      return;
    }
    this.#position = undefined;
    this.#resyncs += 1;
    this.end();
  }

  /** The answer is over. May be called twice. */
  close(): void {
    this.#isClosed = true;
    this.#snapshot?.close();
    this.#snapshot = undefined;
  }

  #askSnapshot(): void {
    this.#isWaiting = true;
    const resyncs = this.#resyncs;
    this.#source.snapshot((body, sequence) => {
      this.#isWaiting = false;
      if (this.#isClosed) return;
      // a snapshot from before the call of `resync` does not count
      this.#position = resyncs === this.#resyncs ? sequence : undefined;
      if (this.#isEnding) this.pump();
      else if (typeof body === "string") this.#write(Buffer.from(body));
      else if (body === undefined || "start" in body) this.#output.abort();
      else {
        this.#snapshot = body.open(() => this.#output.abort());
        this.pump();
      }
    });
  }

  #sendSnapshot(reader: BytesReader): void {
    const bytes = reader.read(MAX_PIECE_BYTES);
    if (reader.bytesLeft === 0) {
      reader.close();
      this.#snapshot = undefined;
    }
    this.#write(bytes);
  }

  #sendEvents(position: number): void {
    const { text: transitions, last } = this.#source.after(position);
    this.#position = last;
    const fleet = this.#source.fleet();
    const text = fleet === this.#fleet ? transitions : transitions + fleet;
    this.#fleet = fleet;
    if (text !== "") this.#write(Buffer.from(text));
    else if (this.#isEnding) this.#end();
  }

  #end(): void {
    this.#isClosed = true;
    this.#output.end(CLOSING);
  }

  #write(bytes: Buffer): void {
    this.#isSending = true;
    this.#output.write(bytes, () => {
      this.#isSending = false;
      this.pump();
    });
  }
}
