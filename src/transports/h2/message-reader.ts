/**
 * Reads the one message that a request of ours has (grpc/grpc doc/PROTOCOL-HTTP2.md, "Length-Prefixed-Message").
 *
 *     flag (1) | length (4) | message            flag: 1 when the message is compressed
 *
 * Nothing is read on trust: a length above the limit is refused before its bytes come, and what is compressed may not
 * become more than that either.
 */
import { gunzipSync, inflateSync } from "node:zlib";
import type { GrpcCode } from "../../wire/grpc-code.js";

/** Why a call is refused. */
export interface Refusal {
  readonly code: GrpcCode;
  readonly text: string;
  /** Say which encodings are known: the client has used another. */
  readonly tellsEncodings?: boolean;
}

/** The largest message that is taken; the largest legal one has 203 bytes. */
const MAX_MESSAGE_BYTES = 4_096;

const PREFIX_BYTES = 5;

const NOTHING = Buffer.alloc(0);

/** Decompresses, to so many bytes at most. */
const DECODERS: Readonly<Record<string, (bytes: Buffer) => Buffer>> = {
  gzip: (bytes) => gunzipSync(bytes, { maxOutputLength: MAX_MESSAGE_BYTES }),
  deflate: (bytes) => inflateSync(bytes, { maxOutputLength: MAX_MESSAGE_BYTES }),
};

/** What `grpc-accept-encoding` says. */
export const KNOWN_ENCODINGS = `identity,${Object.keys(DECODERS).reverse().join(",")}`;

export class MessageReader {
  readonly #encoding: string | undefined;
  #bytes: Buffer = NOTHING;

  /** @param encoding what `grpc-encoding` says */
  constructor(encoding: string | undefined) {
    this.#encoding = encoding;
  }

  /** Takes a part of the request; a refusal as soon as it is sure. */
  read(bytes: Buffer): Refusal | undefined {
    this.#bytes = this.#bytes.length === 0 ? bytes : Buffer.concat([this.#bytes, bytes]);
    if (this.#bytes.length < PREFIX_BYTES) return undefined;
    const flag = this.#bytes[0] ?? 0;
    const length = this.#bytes.readUInt32BE(1);
    if (flag > 1) return { code: "INTERNAL", text: "bad compression flag" };
    if (length > MAX_MESSAGE_BYTES) return { code: "RESOURCE_EXHAUSTED", text: "message too large" };
    if (this.#bytes.length > PREFIX_BYTES + length) return { code: "INTERNAL", text: "too many messages" };
    return flag === 1 ? this.#refusedEncoding() : undefined;
  }

  /** The message, when the request has ended. */
  end(): Buffer | Refusal {
    const bytes = this.#bytes;
    if (bytes.length < PREFIX_BYTES || bytes.length < PREFIX_BYTES + bytes.readUInt32BE(1))
      return { code: "INTERNAL", text: "no request message" };
    const message = bytes.subarray(PREFIX_BYTES);
    // an empty message is empty however it is packed (grpc-node #3065)
    return bytes[0] === 0 || message.length === 0 ? message : this.#decompress(message);
  }

  #refusedEncoding(): Refusal | undefined {
    const encoding = this.#encoding ?? "identity";
    if (encoding === "identity") return { code: "INTERNAL", text: "compressed flag set without encoding" };
    if (Object.hasOwn(DECODERS, encoding)) return undefined;
    return { code: "UNIMPLEMENTED", text: "unknown message encoding", tellsEncodings: true };
  }

  #decompress(message: Buffer): Buffer | Refusal {
    try {
      return DECODERS[this.#encoding ?? ""]?.(message) ?? NOTHING;
    } catch (error) {
      const isTooLarge = error instanceof Error && "code" in error && error.code === "ERR_BUFFER_TOO_LARGE";
      return isTooLarge
        ? { code: "RESOURCE_EXHAUSTED", text: "message too large" }
        : { code: "INTERNAL", text: "failed to decompress" };
    }
  }
}
