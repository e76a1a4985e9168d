/**
 * Numbers that the main thread and a listener thread share: each field has one writer.
 *
 *     main thread      beats, the counts of its other servers, its heap
 *     listener thread  the last patch that it has applied, its own counts
 *
 * Shared memory can be read while the other thread is blocked.
 */

const FIELDS = [
  /** The sign of life: the event loop of the main thread adds one again and again. */
  "beats",
  /** The sequence of the last patch that the listener thread has applied. */
  "applied",
  "connections",
  "watchers",
  "watchedNames",
  "otherConnections",
  "otherWatchers",
  /** In seconds since 1970; 0 without TLS. */
  "otherCertificateEndsAt",
  "heapKilobytes",
] as const;

type SharedField = (typeof FIELDS)[number];

export class SharedNumbers {
  readonly buffer: SharedArrayBuffer;
  readonly #fields: Uint32Array;

  constructor(buffer: SharedArrayBuffer = new SharedArrayBuffer(FIELDS.length * Uint32Array.BYTES_PER_ELEMENT)) {
    this.buffer = buffer;
    this.#fields = new Uint32Array(buffer);
  }

  read(field: SharedField): number {
    return Atomics.load(this.#fields, FIELDS.indexOf(field));
  }

  /** Stores a whole number. It wraps at 2^32. */
  write(field: SharedField, value: number): void {
    Atomics.store(this.#fields, FIELDS.indexOf(field), value);
  }

  increment(field: SharedField): void {
    Atomics.add(this.#fields, FIELDS.indexOf(field), 1);
  }
}
