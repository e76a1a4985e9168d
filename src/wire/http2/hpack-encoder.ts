/**
 * Encodes header blocks (RFC 7541) as literals without indexing. They depend on no dynamic table, so the same bytes are
 * valid on every connection and can be made beforehand.
 */
import { staticIndexOf } from "./hpack-table.js";

/**
 * A dynamic table size update to 0. It must begin the next header block after the peer has allowed less than the default
 * (sections 4.2 and 6.3).
 */
export const EMPTY_TABLE = Buffer.from([0x20]);

/** The index of `:status: 200` in the static table. */
const STATUS_200 = "\x88";

/** Encodes a header block. Names must be lower-case; all text must be latin1. */
export function encodeHeaders(fields: Iterable<readonly [name: string, value: string]>): Buffer {
  let block = ""; // each octet is a character
  for (const [name, value] of fields) {
    if (name === ":status" && value === "200") block += STATUS_200;
    else block += literalName(name) + literal(value);
  }
  return Buffer.from(block, "latin1");
}

function literalName(name: string): string {
  const index = staticIndexOf(name);
  return index === 0 ? `\0${literal(name)}` : integer(index, 4);
}

/** A string literal without Huffman coding (section 5.2). */
function literal(text: string): string {
  return integer(text.length, 7) + text;
}

/** An integer (section 5.1). The bits above the prefix are zero. */
function integer(value: number, prefixBits: number): string {
  const mask = (1 << prefixBits) - 1;
  if (value < mask) return String.fromCharCode(value);
  let octets = String.fromCharCode(mask);
  let rest = value - mask;
  for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) octets += String.fromCharCode((rest % 0x80) | 0x80);
  return octets + String.fromCharCode(rest);
}
