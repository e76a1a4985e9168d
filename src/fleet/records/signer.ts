/**
 * Signs very many short texts: HMAC-SHA256 (RFC 2104) by two calls of `crypto.hash`, which cost less than half of a `createHmac`.
 *
 *     [ key ^ ipad | text ] --SHA-256--> inner          both blocks are filled once, and the rest of them with each text
 *     [ key ^ opad | inner ] --SHA-256--> bytes 0-15: signature, 16-23: share
 *
 * A member that joins a fleet with 100,000 checks verifies 200,000 cells before it is ready.
 */
import { createHmac, hash, timingSafeEqual } from "node:crypto";

/** 64 bits, which are written nowhere, in two numbers: with a sign, as those are the numbers that need no memory of their own. */
export interface DigestShare {
  readonly high: number;
  readonly low: number;
}

export interface Signature extends DigestShare {
  /** In base64url. */
  readonly text: string;
}

const BLOCK_BYTES = 64;
const DIGEST_BYTES = 32;
const SIGNATURE_BYTES = 16;
const SIGNATURE_CHARACTERS = 22;

/** Longer texts are signed without the block. */
const MAX_SHORT_BYTES = 4_096;

/** UTF-8 has at most so many bytes for a unit of UTF-16. */
const MAX_UNIT_BYTES = 3;

const INNER_PAD = 0x36;
const OUTER_PAD = 0x5c;

export class Signer {
  readonly #key: Uint8Array;
  readonly #inner = Buffer.alloc(BLOCK_BYTES + MAX_SHORT_BYTES);
  readonly #outer = Buffer.alloc(BLOCK_BYTES + DIGEST_BYTES);
  readonly #digest = Buffer.alloc(DIGEST_BYTES);
  readonly #signature = this.#digest.subarray(0, SIGNATURE_BYTES);
  readonly #given = Buffer.alloc(SIGNATURE_BYTES);

  /** @param key at most 64 bytes: a longer one would have to be hashed first */
  constructor(key: Uint8Array) {
    this.#key = key;
    for (let index = 0; index < BLOCK_BYTES; index += 1) {
      const byte = key[index] ?? 0;
      this.#inner[index] = byte ^ INNER_PAD;
      this.#outer[index] = byte ^ OUTER_PAD;
    }
  }

  sign(text: string): Signature {
    const { high, low } = this.#digestOf(text);
    return { text: this.#signature.toString("base64url"), high, low };
  }

  /** The share of a text; `undefined` if this is not its signature. */
  verify(text: string, signature: string): DigestShare | undefined {
    const share = this.#digestOf(text);
    // a text that is too short leaves what was there before, and the rest of one that is too long is not written
    const bytes = signature.length === SIGNATURE_CHARACTERS ? this.#given.write(signature, "base64url") : 0;
    return bytes === SIGNATURE_BYTES && timingSafeEqual(this.#given, this.#signature) ? share : undefined;
  }

  #digestOf(text: string): DigestShare {
    this.#digest.write(this.#hmac(text), "latin1");
    return { high: this.#digest.readInt32BE(SIGNATURE_BYTES), low: this.#digest.readInt32BE(SIGNATURE_BYTES + 4) };
  }

  /** A string with a character for each byte. */
  #hmac(text: string): string {
    if (text.length * MAX_UNIT_BYTES > MAX_SHORT_BYTES)
      return createHmac("sha256", this.#key).update(text).digest("binary");
    const end = BLOCK_BYTES + this.#inner.write(text, BLOCK_BYTES);
    this.#outer.write(hash("sha256", this.#inner.subarray(0, end), "binary"), BLOCK_BYTES, "latin1");
    return hash("sha256", this.#outer, "binary");
  }
}
