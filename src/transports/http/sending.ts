/**
 * Sends answers at the pace of the client: at most 128 KiB of a large answer wait in memory, and a connection whose client
 * takes nothing for 30 s is ended.
 *
 * Without that rule, a client that stops reading keeps its answers in memory without a limit: TCP keepalive does not help,
 * because the client's kernel still answers.
 *
 * Progress is what the kernel has taken. Two steps make it coarse, so a client that reads slowly but steadily may be ended:
 * - Node reports a write when its last byte is taken. The writes of a large answer are at most 128 KiB, and 16 KiB for a
 *   slow client. A short answer is one write. For this step, 4.5 KB a second are fast enough.
 * - Linux takes more bytes when a third of its send buffer is free. The buffer grows with the speed of the connection, to
 *   4 MB: a client that read fast at first must go on with 45 KB a second.
 */
import type { Writable } from "node:stream";
import { publish } from "../../core/channels.js";
import type { CancelTimer, Clock } from "../../core/clock.js";
import type { SharedBytes } from "../../core/shared-bytes.js";
import type { HttpAnswer, StreamedBody } from "../../wire/http-message.js";

/** Bytes of one write to a fast client. One write a turn of the event loop: other connections get their turns. */
const CHUNK_BYTES = 128 * 1024;

/** The same for a slow client, and at first: a part of a write is not seen as progress. */
const SMALL_CHUNK_BYTES = 16 * 1024;

/** A client that takes fewer bytes a millisecond is slow. */
const MIN_FAST_RATE = 16;

/**
 * Sends a body and ends the stream. The stream must be open.
 * @param abort ends the answer abruptly; called when the memory is needed for newer answers
 * @returns a function that returns the number of bytes that have not left the process
 */
export function sendBytes(
  output: Writable,
  bytes: SharedBytes,
  { clock, abort }: { readonly clock: Clock; readonly abort: () => void },
): () => number {
  const reader = bytes.open(abort);
  const write = (maxBytes: number) => {
    if (output.destroyed || output.writableEnded) return;
    const chunk = reader.read(maxBytes);
    const writtenAt = clock.now();
    if (reader.bytesLeft === 0) output.end(chunk);
    else output.write(chunk, () => void setImmediate(writeNext, chunk.length, writtenAt));
  };
  const writeNext = (bytesWritten: number, writtenAt: number) => {
    const isSlow = bytesWritten < MIN_FAST_RATE * (clock.now() - writtenAt);
    write(isSlow ? SMALL_CHUNK_BYTES : CHUNK_BYTES);
  };
  output.once("close", () => reader.close());
  write(SMALL_CHUNK_BYTES);
  return () => reader.bytesLeft + output.writableLength;
}

/** The length of a body; none for one that is streamed. */
export function lengthOf(body: HttpAnswer["body"]): number | undefined {
  if (typeof body === "string") return Buffer.byteLength(body);
  return "start" in body ? undefined : body.byteLength;
}

/**
 * Sends a streamed body, one piece at a time. The stream must be open.
 * @returns the progress of the client, for `UnreadAnswers`
 */
export function sendStream(output: Writable, body: StreamedBody, abort: () => void): () => number | undefined {
  let sent = 0;
  let isSending = false;
  const isOpen = () => !output.destroyed && !output.writableEnded;
  const stop = body.start({
    write: (bytes, onSent) => {
      if (!isOpen()) return;
      isSending = true;
      output.write(bytes, (error) => {
        isSending = false;
        sent += 1;
        if (!error) setImmediate(onSent);
      });
    },
    end: (bytes) => {
      if (isOpen()) output.end(bytes);
    },
    abort,
  });
  output.once("close", stop);
  return () => (isSending ? sent : undefined);
}

/** Something that a client reads. */
export interface Output {
  /** A number that changes as the client reads; `undefined` while no bytes wait for it. */
  progress(): number | undefined;
  /** Ends the output at once: what is unsent is lost. */
  end(): void;
}

interface Watched {
  progress: number | undefined;
  progressAt: number;
}

/** The rule's name on the channel `connection-ended`. */
export const UNREAD_ANSWER = "unread-answer";

/** An output that the client has not read from for so long is ended, in milliseconds. */
const MAX_UNREAD_MS = 30_000;

/** Milliseconds between two checks of all outputs: an end comes so much later at most. */
const CHECK_INTERVAL_MS = 5_000;

export class UnreadAnswers {
  readonly #clock: Clock;
  readonly #instance: string;
  readonly #outputs = new Map<Output, Watched>();
  #cancelCheck: CancelTimer | undefined;

  constructor(clock: Clock, instance: string) {
    this.#clock = clock;
    this.#instance = instance;
  }

  /** Watches an output until the returned function is called. */
  watch(output: Output): () => void {
    this.#outputs.set(output, { progress: undefined, progressAt: this.#clock.now() });
    this.#cancelCheck ??= this.#setTimer();
    return () => void this.#outputs.delete(output);
  }

  #setTimer(): CancelTimer {
    return this.#clock.setTimer(CHECK_INTERVAL_MS, () => this.#checkAll());
  }

  #checkAll(): void {
    for (const [output, watched] of [...this.#outputs]) {
      // one output that throws must not stop the rule for the others, nor end the process from a timer
      try {
        this.#check(output, watched);
      } catch (error) {
        publish("fault", { instance: this.#instance, where: "an answer that the client does not read", error });
      }
    }
    this.#cancelCheck = this.#outputs.size === 0 ? undefined : this.#setTimer();
  }

  #check(output: Output, watched: Watched): void {
    const now = this.#clock.now();
    const progress = output.progress();
    if (progress === undefined || progress !== watched.progress) {
      watched.progress = progress;
      watched.progressAt = now;
    } else if (now - watched.progressAt >= MAX_UNREAD_MS) {
      this.#outputs.delete(output);
      output.end();
    }
  }
}
