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
const STATUS_200 = 0x88;

/** Encodes a header block. Names must be lower-case; all text must be latin1. */
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

/** A string literal without Huffman coding (section 5.2). */
function literal(text: string): Buffer {
  const octets = Buffer.from(text, "latin1");
  return Buffer.concat([integer(octets.length, 7), octets]);
}

/** An integer (section 5.1). The bits above the prefix are zero. */
function integer(value: number, prefixBits: number): Buffer {
  const mask = (1 << prefixBits) - 1;
  if (value < mask) return Buffer.from([value]);
  const bytes = [mask];
  let rest = value - mask;
  for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) bytes.push((rest % 0x80) | 0x80);
  bytes.push(rest);
  return Buffer.from(bytes);
}
