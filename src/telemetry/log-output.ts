/**
 * Writes log lines to a descriptor, and never waits for its reader.
 *
 *     line --> fewer than 1 MiB wait? --yes--> [ pipe or terminal: Node's stream | file: one write at a time ]
 *                | no
 *                '--> dropped and counted --> when the reader takes lines again: one line with the number
 *
 * When the reader stops, the pipe closes or the disk is full, lines are lost. The memory stays bounded, and the process continues.
 */
import { fstatSync, write } from "node:fs";
import type { Writable } from "node:stream";

/** Bytes of lines that may wait. */
const MAX_WAITING_BYTES = 1024 * 1024;

/** How long the end of the process may wait for the reader, in milliseconds. */
const MAX_FLUSH_MS = 250;

/** Something that takes text in the background. */
interface Sink {
  /** Bytes that were handed to the sink, and that the system has not taken yet. */
  readonly waiting: number;
  write(text: string, onWritten: (failed: boolean) => void): void;
}

/** What an output calls. */
export interface LogOutputEvents {
  /** Called with the number of lines that were dropped because too many bytes wait. */
  readonly onDropped: (lines: number) => void;
  /** The reader takes lines again. The argument is the number of lines that were dropped before. */
  readonly onFlowing: (lines: number) => void;
}

export class LogOutput {
  readonly #sink: Sink;
  readonly #events: LogOutputEvents;
  #dropped = 0;
  #onIdle: (() => void) | undefined;
  #pending = 0;

  constructor(sink: Sink, events: LogOutputEvents) {
    this.#sink = sink;
    this.#events = events;
  }

  write(line: string): void {
    if (this.#sink.waiting + line.length > MAX_WAITING_BYTES) {
      this.#drop();
      return;
    }
    this.#pending += 1;
    this.#sink.write(line, (failed) => this.#onWritten(failed));
  }

  /** Resolves with true when all lines are written, or with false after 250 ms. */
  flush(): Promise<boolean> {
    if (this.#pending === 0) return Promise.resolve(true);
    return new Promise((resolve) => {
      const timer = setTimeout(() => resolve(false), MAX_FLUSH_MS);
      this.#onIdle = () => {
        clearTimeout(timer);
        resolve(true);
      };
    });
  }

  #drop(): void {
    this.#dropped += 1;
    this.#events.onDropped(1);
  }

  #onWritten(failed: boolean): void {
    this.#pending -= 1;
    if (failed) this.#drop();
    else if (this.#dropped > 0 && this.#sink.waiting < MAX_WAITING_BYTES / 2) {
      const lines = this.#dropped;
      this.#dropped = 0;
      this.#events.onFlowing(lines);
    }
    if (this.#pending === 0) this.#onIdle?.();
  }
}

/** The sink of a process' standard output: `stream`, unless its descriptor is a file. */
export function openSink(stream: Writable & { readonly fd?: number }): Sink {
  // a closed pipe (EPIPE) loses lines, and must not end the service
  stream.on("error", () => {});
  const { fd } = stream;
  if (fd !== undefined && fstatSync(fd).isFile()) return new FileSink(fd);
  return {
    get waiting() {
      return stream.writableLength;
    },
    write: (text, onWritten) => void stream.write(text, (error) => onWritten(error != null)),
  };
}

/** A line that waits for a file. */
interface WaitingLine {
  readonly text: string;
  readonly onWritten: (failed: boolean) => void;
}

/** Node writes to files synchronously, and writes no more after an error: a full disk may have room again. */
class FileSink implements Sink {
  waiting = 0;
  readonly #fd: number;
  readonly #queue: WaitingLine[] = [];
  #isWriting = false;
  /** Whether the file ends within a line, of which the disk took only a part. */
  #isTorn = false;

  constructor(fd: number) {
    this.#fd = fd;
  }

  write(text: string, onWritten: (failed: boolean) => void): void {
    this.waiting += text.length;
    this.#queue.push({ text, onWritten });
    if (!this.#isWriting) this.#writeNext();
  }

  #writeNext(): void {
    // all lines that wait in one write: one line for each turn of the event loop would be too slow for 5,000 new checks
    const lines = this.#queue.splice(0);
    this.#isWriting = lines.length > 0;
    if (!this.#isWriting) return;
    const text = lines.map((line) => line.text).join("");
    // a new line begins after a torn one: otherwise it would be lost too
    const end = this.#isTorn ? "\n" : "";
    this.#writeAll(Buffer.from(end + text), (unwritten) => {
      if (unwritten.length < end.length + Buffer.byteLength(text)) this.#isTorn = false;
      this.#onWritten(lines, unwritten.length);
    });
  }

  /** Calls `onEnd` with the bytes that the file did not take: none without an error. */
  #writeAll(bytes: Buffer, onEnd: (unwritten: Buffer) => void): void {
    write(this.#fd, bytes, (error, written) => {
      const rest = bytes.subarray(written);
      if (error === null && rest.length > 0) this.#writeAll(rest, onEnd);
      else onEnd(rest);
    });
  }

  /** The last lines, of `unwrittenBytes` bytes, have failed. */
  #onWritten(lines: readonly WaitingLine[], unwrittenBytes: number): void {
    let bytesLeft = lines.reduce((sum, { text }) => sum + Buffer.byteLength(text), 0);
    for (const { text, onWritten } of lines) {
      const length = Buffer.byteLength(text);
      this.waiting -= text.length;
      bytesLeft -= length;
      const isWhole = bytesLeft >= unwrittenBytes;
      this.#isTorn ||= !isWhole && bytesLeft + length > unwrittenBytes;
      onWritten(!isWhole);
    }
    this.#writeNext();
  }
}
