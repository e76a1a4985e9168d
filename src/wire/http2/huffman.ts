/**
 * The Huffman code of HPACK (RFC 7541, section 5.2 and Appendix B).
 *
 * The code is canonical: shorter codes come first, and codes of equal length are in the order of their symbols. So the
 * lengths of Appendix B define the whole table.
 */

/** Length in bits of the code of each symbol, 0 to 255, and of EOS. */
// biome-ignore format: a table, sixteen symbols a line
const LENGTHS: readonly number[] = [
  13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28,
  28, 28, 28, 28, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 28,
  6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6,
  5, 5, 5, 6, 6, 6, 6, 6, 6, 6, 7, 8, 15, 6, 12, 10,
  13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7,
  7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19, 13, 14, 6,
  15, 5, 6, 5, 6, 5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5,
  6, 7, 6, 5, 5, 6, 7, 7, 7, 7, 7, 15, 11, 14, 13, 28,
  20, 22, 20, 20, 22, 22, 22, 23, 22, 23, 23, 23, 23, 23, 24, 23,
  24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24,
  22, 21, 20, 22, 22, 23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23,
  21, 21, 22, 21, 23, 22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23,
  26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25,
  19, 21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27, 27,
  20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25, 25, 24, 24, 26, 23,
  26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27, 27, 27, 26,
  30,
];

const EOS = 256;
const MAX_CODE_BITS = 30;

/** Codes of up to so many bits are found in one step. Most characters of headers have such codes. */
const STEP_BITS = 8;

/** For each length: the first code, and the index of its symbol in `SYMBOLS`. */
const SYMBOLS: readonly number[] = LENGTHS.map((_, symbol) => symbol).sort(
  (a, b) => lengthOf(a) - lengthOf(b) || a - b,
);
const FIRST_CODE = new Uint32Array(MAX_CODE_BITS + 1);
const FIRST_INDEX = new Uint16Array(MAX_CODE_BITS + 1);
const COUNT = new Uint16Array(MAX_CODE_BITS + 1);

/** For each eight bits: symbol and length of the code that they begin with, `symbol * 16 + length`; 0 for a longer code. */
const STEPS = new Uint16Array(1 << STEP_BITS);

for (let length = 1, code = 0, index = 0; length <= MAX_CODE_BITS; length += 1) {
  FIRST_CODE[length] = code;
  FIRST_INDEX[length] = index;
  for (; index < SYMBOLS.length && lengthOf(SYMBOLS[index] ?? EOS) === length; index += 1) {
    COUNT[length] = (COUNT[length] ?? 0) + 1;
    if (length <= STEP_BITS) {
      const spread = STEP_BITS - length;
      STEPS.fill((SYMBOLS[index] ?? EOS) * 16 + length, code << spread, (code + 1) << spread);
    }
    code += 1;
  }
  code *= 2;
}

/**
 * Decodes the bytes from `start` to `end`. `undefined` when they are no Huffman code: EOS within, or padding that is
 * longer than seven bits or not of ones (section 5.2).
 */
export function decodeHuffman(bytes: Uint8Array, start: number, end: number): string | undefined {
  let decoded = "";
  const endBit = end * 8;
  for (let at = start * 8; at < endBit; ) {
    const step = STEPS[eightBits(bytes, at, end)] ?? 0;
    const length = step === 0 ? 0 : step & 0xf;
    if (length > 0 && at + length <= endBit) {
      decoded += String.fromCharCode(step >> 4);
      at += length;
      continue;
    }
    const found = length === 0 ? findLong(bytes, at, endBit) : undefined;
    if (found === undefined) return isPadding(bytes, at, endBit) ? decoded : undefined;
    if (found.symbol === EOS) return undefined;
    decoded += String.fromCharCode(found.symbol);
    at += found.length;
  }
  return decoded;
}

function lengthOf(symbol: number): number {
  return LENGTHS[symbol] ?? 0;
}

/** The eight bits from bit `at` on. Bits beyond the end are ones. */
function eightBits(bytes: Uint8Array, at: number, end: number): number {
  const index = at >> 3;
  const next = index + 1 < end ? (bytes[index + 1] ?? 0xff) : 0xff;
  return ((((bytes[index] ?? 0xff) << 8) | next) >> (8 - (at & 7))) & 0xff;
}

/** The symbol whose code begins at bit `at`; `undefined` when the bits end before the code does. */
function findLong(bytes: Uint8Array, at: number, endBit: number): { symbol: number; length: number } | undefined {
  let code = 0;
  for (let length = 1; length <= MAX_CODE_BITS && at + length <= endBit; length += 1) {
    code = code * 2 + bitAt(bytes, at + length - 1);
    const offset = code - (FIRST_CODE[length] ?? 0);
    if (offset < (COUNT[length] ?? 0)) return { symbol: SYMBOLS[(FIRST_INDEX[length] ?? 0) + offset] ?? EOS, length };
  }
  return undefined;
}

function isPadding(bytes: Uint8Array, at: number, endBit: number): boolean {
  if (endBit - at > 7) return false;
  for (let bit = at; bit < endBit; bit += 1) if (bitAt(bytes, bit) === 0) return false;
  return true;
}

function bitAt(bytes: Uint8Array, bit: number): number {
  return ((bytes[bit >> 3] ?? 0) >> (7 - (bit & 7))) & 1;
}
