/**
 * Decodes header blocks (RFC 7541): every representation of section 6, with limits on the result.
 *
 *     1xxxxxxx  indexed field                         6.1
 *     01xxxxxx  literal, added to the table           6.2.1
 *     001xxxxx  dynamic table size update             6.3
 *     0001xxxx  literal, never to be indexed          6.2.3
 *     0000xxxx  literal, not indexed                  6.2.2
 *
 * A list that is too long is decoded to its end, so that the dynamic tables of both sides stay equal. The fields above
 * the limit are dropped.
 */
import { ConnectionError } from "./frames.js";
import { ENTRY_OVERHEAD, HpackTable } from "./hpack-table.js";
import { decodeHuffman } from "./huffman.js";

/** The longest header list in octets: names, values, and 32 for each field (RFC 9113, section 6.5.2). */
export const MAX_HEADER_LIST_OCTETS = 16_384;

const MAX_FIELDS = 64;

/** No string and no table is longer. */
const MAX_INTEGER = 0xff_ffff;

const NO_BYTES = Buffer.alloc(0);

/**
 * Words that nearly every client sends, and that then stay in the table of its connection. All connections share one
 * copy: 300 bytes less for each.
 */
const COMMON_WORDS: ReadonlyMap<string, string> = new Map(
  [
    ...[":method", ":scheme", ":path", ":authority", "content-type", "user-agent", "te", "grpc-timeout"],
    ...["grpc-accept-encoding", "accept-encoding", "POST", "http", "https", "application/grpc", "trailers"],
    ...["Check", "Watch", "List"].map((method) => `/grpc.health.v1.Health/${method}`),
  ].map((word) => [word, word]),
);

export interface HeaderList {
  /** Alternating names and values, in order. Each octet is a character (latin1). */
  readonly fields: readonly string[];
  /** Fields above the limit were dropped. */
  readonly tooLong: boolean;
}

export class HpackDecoder {
  readonly #table = new HpackTable();
  #bytes: Buffer = NO_BYTES;
  #end = 0;
  #at = 0;
  #fields: string[] = [];
  #octets = 0;
  #tooLong = false;

  /** Changes when the same block may decode to other fields than before. */
  get version(): number {
    return this.#table.version;
  }

  /**
   * Decodes one whole header block.
   * @throws ConnectionError COMPRESSION_ERROR: the tables of both sides may differ from here on
   */
  decode(block: Buffer): HeaderList {
    this.#bytes = block;
    this.#end = block.length;
    this.#at = 0;
    this.#fields = [];
    this.#octets = 0;
    this.#tooLong = false;
    while (this.#at < this.#end && this.#isTableSize()) this.#resize();
    while (this.#at < this.#end) this.#readField();
    const list = { fields: this.#fields, tooLong: this.#tooLong };
    this.#bytes = NO_BYTES;
    this.#fields = [];
    return list;
  }

  #isTableSize(): boolean {
    return ((this.#bytes[this.#at] ?? 0) & 0xe0) === 0x20;
  }

  #resize(): void {
    if (!this.#table.resize(this.#readInteger(5))) throw broken("a table size above the limit");
  }

  #readField(): void {
    const first = this.#bytes[this.#at] ?? 0;
    if (first >= 0x80) {
      const index = this.#readInteger(7);
      this.#keep(this.#nameAt(index), this.#table.value(index) ?? "");
    } else if (first >= 0x40) {
      const name = this.#readName(6);
      const value = this.#readString();
      this.#table.add(name, value);
      this.#keep(name, value);
    } else if (first >= 0x20) {
      throw broken("a table size update after a field");
    } else {
      const name = this.#readName(4);
      this.#keep(name, this.#readString());
    }
  }

  #readName(prefixBits: number): string {
    const index = this.#readInteger(prefixBits);
    return index === 0 ? this.#readString() : this.#nameAt(index);
  }

  #nameAt(index: number): string {
    const name = this.#table.name(index);
    if (name === undefined) throw broken("an index outside the tables");
    return name;
  }

  #keep(name: string, value: string): void {
    this.#octets += name.length + value.length + ENTRY_OVERHEAD;
    if (this.#octets > MAX_HEADER_LIST_OCTETS || this.#fields.length === 2 * MAX_FIELDS) this.#tooLong = true;
    else this.#fields.push(name, value);
  }

  /** Section 5.1. */
  #readInteger(prefixBits: number): number {
    const mask = (1 << prefixBits) - 1;
    let value = this.#readByte() & mask;
    if (value < mask) return value;
    for (let shift = 0; ; shift += 7) {
      const byte = this.#readByte();
      value += (byte & 0x7f) * 2 ** shift;
      if (value > MAX_INTEGER || shift > 28) throw broken("an integer that is too large");
      if (byte < 0x80) return value;
    }
  }

  /** Section 5.2. */
  #readString(): string {
    const isHuffman = (this.#bytes[this.#at] ?? 0) >= 0x80;
    const start = this.#readLength();
    const text = isHuffman
      ? decodeHuffman(this.#bytes, start, this.#at)
      : this.#bytes.toString("latin1", start, this.#at);
    if (text === undefined) throw broken("a string that is not a valid Huffman code");
    return COMMON_WORDS.get(text) ?? text;
  }

  /** Reads the length of a string and skips the string. Returns its offset. */
  #readLength(): number {
    const length = this.#readInteger(7);
    const start = this.#at;
    this.#at += length;
    if (this.#at > this.#end) throw broken("a string beyond the end of its block");
    return start;
  }

  #readByte(): number {
    const byte = this.#bytes[this.#at];
    if (byte === undefined || this.#at >= this.#end) throw broken("an integer beyond the end of its block");
    this.#at += 1;
    return byte;
  }
}

function broken(message: string): ConnectionError {
  return new ConnectionError("COMPRESSION_ERROR", message);
}
