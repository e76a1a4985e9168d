/**
 * Reads the heads of requests, and knows again what was read before.
 *
 * A prober asks the same thing over and over: once its fields are in the table, each of its header blocks has the same
 * few bytes. A block that changes no table and comes again while no table has changed means what it meant before.
 */
import { HpackDecoder } from "../../wire/http2/hpack-decoder.js";
import { areTrailers, type RequestHead, readRequestHead } from "./request-head.js";

/** What a block holds that is no head. */
export type HeadFault = "malformed" | "too long";

/** A longer block is not worth keeping. */
const MAX_KEPT_BYTES = 256;

export class HeadReader {
  readonly #decoder = new HpackDecoder();
  #kept: { readonly block: Buffer; readonly version: number; readonly head: RequestHead } | undefined;

  /** Reads a request's head. @throws ConnectionError COMPRESSION_ERROR */
  read(block: Buffer): RequestHead | HeadFault {
    const kept = this.#kept;
    const { version } = this.#decoder;
    if (kept !== undefined && kept.version === version && isSame(kept.block, block)) return kept.head;
    const { fields, tooLong } = this.#decoder.decode(block);
    if (tooLong) return "too long";
    const head = readRequestHead(fields);
    if (head === undefined) return "malformed";
    if (this.#decoder.version === version && block.length <= MAX_KEPT_BYTES)
      this.#kept = { block: Buffer.from(block), version, head };
    return head;
  }

  /** Reads the fields after a body, of which nothing is kept. @throws ConnectionError COMPRESSION_ERROR */
  readTrailers(block: Buffer): HeadFault | undefined {
    const { fields, tooLong } = this.#decoder.decode(block);
    if (tooLong) return "too long";
    return areTrailers(fields) ? undefined : "malformed";
  }

  /** Reads a block of which nothing is wanted: the tables of the two sides have to stay the same. */
  skip(block: Buffer): void {
    this.#decoder.decode(block);
  }
}

/** A handful of bytes: a call into native code costs more than they do. */
function isSame(one: Buffer, other: Buffer): boolean {
  if (one.length !== other.length) return false;
  for (let at = 0; at < one.length; at += 1) if (one[at] !== other[at]) return false;
  return true;
}
