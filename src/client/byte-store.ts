/**
 * Bytes that come in parts, kept up to a limit. Each is copied once or twice, however small the parts are: a list of
 * them would let a target that sends byte by byte fill our memory with what is around each byte.
 */
const NOTHING = Buffer.alloc(0);

export class ByteStore {
  readonly #most: number;
  #room: Buffer = NOTHING;
  #length = 0;

  constructor(most: number) {
    this.#most = most;
  }

  /** What has been kept. */
  get bytes(): Buffer {
    return this.#room.subarray(0, this.#length);
  }

  /** Keeps a copy of `part`, or of what there is room for. */
  add(part: Buffer): void {
    const length = Math.min(this.#most, this.#length + part.length);
    if (length > this.#room.length) {
      // exactly what is needed at first: most bodies come in one part
      const room = Buffer.allocUnsafe(this.#length === 0 ? length : Math.min(this.#most, length * 2));
      this.#room.copy(room, 0, 0, this.#length);
      this.#room = room;
    }
    part.copy(this.#room, this.#length, 0, length - this.#length);
    this.#length = length;
  }
}
