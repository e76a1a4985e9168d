/**
 * Sends answers at the pace of the client: at most one chunk of a large answer waits in memory, and a connection whose
 * client takes nothing for 30 s is ended.
 *
 * Without that rule, a client that stops reading keeps its answers in memory without a limit: TCP keepalive does not help,
 * because the client's kernel still answers. A client that reads slowly is not ended, as long as the kernel reports
 * progress. Linux does so when a third of its send buffer (at most 4 MB) is free: within 30 s for every client that reads
 * 45 KB a second.
 */
import type { Writable } from "node:stream";
import type { CancelTimer, Clock } from "../../core/clock.js";
import type { BytesReader, SharedBytes } from "../../core/shared-bytes.js";

/** Bytes that wait in a stream at most. One chunk a turn of the event loop: other connections get their turns. */
const CHUNK_BYTES = 128 * 1024;

/**
 * Sends a body and ends the stream. The stream must be open.
 * @param abort ends the answer abruptly; called when the memory is needed for newer answers
 * @returns the reader, whose `bytesLeft` shows the progress
 */
export function sendBytes(output: Writable, bytes: SharedBytes, abort: () => void): BytesReader {
  const reader = bytes.open(abort);
  const sendChunk = () => {
    if (output.destroyed || output.writableEnded) return;
    const chunk = reader.read(CHUNK_BYTES);
    if (reader.bytesLeft === 0) output.end(chunk);
    else if (output.write(chunk)) setImmediate(sendChunk);
  };
  output.on("drain", () => void setImmediate(sendChunk)).once("close", () => reader.close());
  sendChunk();
  return reader;
}

/** Something that a client reads. */
export interface Output {
  /** A number that changes as the client reads; `undefined` while no bytes wait for it. */
  progress(): number | undefined;
  /** Ends it. */
  end(): void;
}

interface Watched {
  progress: number | undefined;
  progressAt: number;
}

/** The rule's name on the channel `connection-ended`. */
export const UNREAD_ANSWER = "unread-answer";

/** Milliseconds without progress. */
const MAX_UNREAD_MS = 30_000;

/** Milliseconds between two looks at all outputs: an end comes so much later at most. */
const CHECK_INTERVAL_MS = 5_000;

export class UnreadAnswers {
  readonly #clock: Clock;
  readonly #outputs = new Map<Output, Watched>();
  #cancelCheck: CancelTimer | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Watches an output until the returned function is called. */
  watch(output: Output): () => void {
    this.#outputs.set(output, { progress: undefined, progressAt: this.#clock.now() });
    this.#cancelCheck ??= this.#clock.setTimer(CHECK_INTERVAL_MS, () => this.#check());
    return () => void this.#outputs.delete(output);
  }

  #check(): void {
    const now = this.#clock.now();
    for (const [output, watched] of [...this.#outputs]) {
      const progress = output.progress();
      if (progress === undefined || progress !== watched.progress) {
        watched.progress = progress;
        watched.progressAt = now;
      } else if (now - watched.progressAt >= MAX_UNREAD_MS) {
        this.#outputs.delete(output);
        output.end();
      }
    }
    const isIdle = this.#outputs.size === 0;
    this.#cancelCheck = isIdle ? undefined : this.#clock.setTimer(CHECK_INTERVAL_MS, () => this.#check());
  }
}
