/**
 * Writes header blocks (RFC 7541) of literals that are not indexed: what we answer depends on no table, so the same bytes
 * are right on every connection, and can be made beforehand.
 */
import { staticIndexOf } from "./hpack-table.js";

/**
 * Tells the peer that our dynamic table is empty and stays so. Due before the next block once the peer has allowed less
 * than the default (sections 4.2 and 6.3).
 */
export const EMPTY_TABLE = Buffer.from([0x20]);

/** `:status` 200 is an entry of the static table. */
const STATUS_200 = 0x88;

/** A header block. Names are lower-case; text is of latin1. */
export function encodeHeaders(fields: Iterable<readonly [name: string, value: string]>): Buffer {
  const parts: Buffer[] = [];
  for (const [name, value] of fields) {
    if (name === ":status" && value === "200") parts.push(Buffer.from([STATUS_200]));
    else parts.push(literalName(name), literal(value));
  }
  return Buffer.concat(parts);
}

function literalName(name: string): Buffer {
  const index = staticIndexOf(name);
  return index === 0 ? Buffer.concat([Buffer.from([0]), literal(name)]) : integer(index, 4);
}

/** A string without Huffman coding. */
function literal(text: string): Buffer {
  const octets = Buffer.from(text, "latin1");
  return Buffer.concat([integer(octets.length, 7), octets]);
}

/** Section 5.1; the bits above the prefix are zero. */
function integer(value: number, prefixBits: number): Buffer {
  const mask = (1 << prefixBits) - 1;
  if (value < mask) return Buffer.from([value]);
  const bytes = [mask];
  let rest = value - mask;
  for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) bytes.push((rest % 0x80) | 0x80);
  bytes.push(rest);
  return Buffer.from(bytes);
}
