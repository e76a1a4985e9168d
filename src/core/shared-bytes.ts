/**
 * Large answers that many clients read at their own speed, within one memory bound for the process.
 *
 *     render once --> SharedBytes --open--> reader, offset 0 .. byteLength      (a reader costs an offset, no copy)
 *                          ^          '---> reader, ...
 *                          |
 *     SharedBytesPool: all bytes that a reader still needs <= maxBytes; above it, the bytes that were read least
 *     recently are evicted, and their readers must end their answers
 *
 * A client that does not read keeps the bytes of its answer alive. Without the bound, clients that ask again after each
 * change would fill the memory with old renderings.
 */

/** Reads shared bytes from the beginning to the end, once. */
export interface BytesReader {
  /** Bytes that are still to be read. */
  readonly bytesLeft: number;
  /** The next bytes: at least one while any is left, at most `maxBytes`. A view that must not be written to. */
  read(maxBytes: number): Buffer;
  /** Ends the reading. Must be called, also after the last byte. Calling it again does nothing. */
  close(): void;
}

const DEFAULT_MAX_BYTES = 32 * 1024 * 1024;

/** The bound over all shared bytes of a process. */
export class SharedBytesPool {
  readonly #maxBytes: number;
  /** Those with open readers, the least recently read first. */
  readonly #inUse = new Set<SharedBytes>();
  #heldBytes = 0;

  /** @param maxBytes what readers may keep alive together; the bytes opened last are always allowed. Default 32 MiB. */
  constructor(maxBytes: number = DEFAULT_MAX_BYTES) {
    this.#maxBytes = maxBytes;
  }

  /** Bytes that open readers keep alive. */
  get heldBytes(): number {
    return this.#heldBytes;
  }

  /** Makes bytes shareable. They count from their first reader to the end of their last. */
  share(chunks: readonly Buffer[]): SharedBytes {
    return new SharedBytes(chunks, {
      onFirstReader: (bytes) => this.#hold(bytes),
      onRead: (bytes) => {
        this.#inUse.delete(bytes);
        this.#inUse.add(bytes);
      },
      onNoReader: (bytes) => {
        if (this.#inUse.delete(bytes)) this.#heldBytes -= bytes.byteLength;
      },
    });
  }

  #hold(bytes: SharedBytes): void {
    this.#inUse.add(bytes);
    this.#heldBytes += bytes.byteLength;
    for (const oldest of [...this.#inUse]) {
      if (this.#heldBytes <= this.#maxBytes || oldest === bytes) return;
      oldest.evict();
    }
  }
}

interface Usage {
  onFirstReader(bytes: SharedBytes): void;
  onRead(bytes: SharedBytes): void;
  onNoReader(bytes: SharedBytes): void;
}

/** Bytes in chunks, read by any number of readers. */
export class SharedBytes {
  readonly byteLength: number;
  readonly #chunks: readonly Buffer[];
  readonly #usage: Usage;
  /** Open readers, with what to call when they are evicted. */
  readonly #readers = new Map<BytesReader, () => void>();

  constructor(chunks: readonly Buffer[], usage: Usage) {
    this.#chunks = chunks.filter(({ length }) => length > 0);
    this.byteLength = chunks.reduce((sum, { length }) => sum + length, 0);
    this.#usage = usage;
  }

  /** Starts to read. `onEvicted` is called when the memory is needed for newer bytes; the reader is closed by then. */
  open(onEvicted: () => void): BytesReader {
    const reader = new ChunkReader(this.#chunks, this.byteLength, {
      onRead: () => this.#usage.onRead(this),
      onClose: () => this.#close(reader),
    });
    this.#readers.set(reader, onEvicted);
    if (this.#readers.size === 1) this.#usage.onFirstReader(this);
    return reader;
  }

  /** Closes every reader, and calls its owner. */
  evict(): void {
    for (const [reader, onEvicted] of [...this.#readers]) {
      reader.close();
      onEvicted();
    }
  }

  #close(reader: BytesReader): void {
    if (this.#readers.delete(reader) && this.#readers.size === 0) this.#usage.onNoReader(this);
  }
}

class ChunkReader implements BytesReader {
  bytesLeft: number;
  readonly #chunks: readonly Buffer[];
  readonly #events: { onRead(): void; onClose(): void };
  #chunk = 0;
  #offset = 0;

  constructor(chunks: readonly Buffer[], byteLength: number, events: { onRead(): void; onClose(): void }) {
    this.#chunks = chunks;
    this.bytesLeft = byteLength;
    this.#events = events;
  }

  read(maxBytes: number): Buffer {
    const chunk = this.#chunks[this.#chunk];
    if (chunk === undefined) return Buffer.alloc(0);
    const bytes = chunk.subarray(this.#offset, this.#offset + maxBytes);
    this.#offset += bytes.length;
    this.bytesLeft -= bytes.length;
    if (this.#offset === chunk.length) {
      this.#chunk += 1;
      this.#offset = 0;
    }
    this.#events.onRead();
    return bytes;
  }

  close(): void {
    this.#events.onClose();
  }
}
