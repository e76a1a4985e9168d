/**
 * Messages with their prefix (grpc/grpc doc/PROTOCOL-HTTP2.md, "Length-Prefixed-Message"), written and read:
 *
 *     flag (1) | length (4) | message            flag 1: the message is compressed
 *
 * A length above the limit is refused before its bytes come. A compressed message may not become longer than the limit
 * either.
 */
import { gunzipSync, inflateSync } from "node:zlib";
import type { GrpcCode } from "../../wire/grpc-code.js";
import { MAX_REQUEST_BYTES } from "./engine.js";

/** Why a call is refused. */
export interface Refusal {
  readonly code: GrpcCode;
  readonly text: string;
  /** Name the known encodings in the answer: the client used another. */
  readonly tellsEncodings?: boolean;
}

const PREFIX_BYTES = 5;

const NO_BYTES = Buffer.alloc(0);

/** Decompresses, to so many bytes at most. */
const DECODERS: Readonly<Record<string, (bytes: Buffer, maxOutputLength: number) => Buffer>> = {
  gzip: (bytes, maxOutputLength) => gunzipSync(bytes, { maxOutputLength }),
  deflate: (bytes, maxOutputLength) => inflateSync(bytes, { maxOutputLength }),
};

/** The value of `grpc-accept-encoding`. */
export const KNOWN_ENCODINGS = `identity,${Object.keys(DECODERS).reverse().join(",")}`;

/** A message with its prefix. Flag 0: not compressed. */
export function frameMessage(message: Uint8Array, flag = 0): Buffer {
  const prefix = Buffer.alloc(PREFIX_BYTES);
  prefix[0] = flag;
  prefix.writeUInt32BE(message.length, 1);
  return Buffer.concat([prefix, message]);
}

export class MessageReader {
  readonly #encoding: string | undefined;
  readonly #isStream: boolean;
  readonly #maxBytes: number;
  /** What was not taken: of one read it is a view, of several a part of `#storage`. */
  #bytes: Buffer = NO_BYTES;
  #storage: Buffer = NO_BYTES;
  #storageEnd = 0;
  /** Where the first message ends; 0 while its prefix is not complete. */
  #end = 0;

  /**
   * @param encoding the value of `grpc-encoding`
   * @param isStream the request may have more than one message
   * @param maxBytes the longest message
   */
  constructor(encoding: string | undefined, isStream: boolean, maxBytes: number = MAX_REQUEST_BYTES) {
    this.#encoding = encoding;
    this.#isStream = isStream;
    this.#maxBytes = maxBytes;
  }

  /** Nothing is left that was not taken. */
  get isEmpty(): boolean {
    return this.#bytes.length === 0;
  }

  /** Adds bytes of the request. Returns a refusal as soon as it is certain. */
  read(bytes: Buffer): Refusal | undefined {
    if (this.#bytes.length === 0) this.#bytes = bytes;
    else this.#append(bytes);
    const fault = this.#readPrefix();
    if (fault !== undefined || this.#isStream || this.#end === 0 || this.#bytes.length <= this.#end) return fault;
    return { code: "INTERNAL", text: "too many messages" };
  }

  /** Takes the next message; `undefined` while it is not complete. */
  take(): Buffer | Refusal | undefined {
    const fault = this.#readPrefix();
    if (fault !== undefined) return fault;
    const bytes = this.#bytes;
    const end = this.#end;
    if (end === 0 || bytes.length < end) return undefined;
    this.#bytes = bytes.length === end ? NO_BYTES : bytes.subarray(end);
    if (this.#bytes === NO_BYTES) this.#storageEnd = 0;
    this.#end = 0;
    const message = bytes.subarray(PREFIX_BYTES, end);
    // an empty message is not decompressed, whatever its flag says (grpc-node #3065)
    return bytes[0] === 1 && message.length > 0 ? this.#decompress(message) : message;
  }

  /** The one message of a complete unary request. */
  end(): Buffer | Refusal {
    return this.take() ?? { code: "INTERNAL", text: "no request message" };
  }

  /** Copies each byte once or twice, however small the parts are. */
  #append(bytes: Buffer): void {
    const length = this.#bytes.length + bytes.length;
    if (this.#storageEnd === 0 || this.#storageEnd + bytes.length > this.#storage.length) {
      this.#storage = Buffer.allocUnsafe(2 * length);
      this.#bytes.copy(this.#storage);
      this.#storageEnd = this.#bytes.length;
    }
    bytes.copy(this.#storage, this.#storageEnd);
    this.#storageEnd += bytes.length;
    this.#bytes = this.#storage.subarray(this.#storageEnd - length, this.#storageEnd);
  }

  #readPrefix(): Refusal | undefined {
    if (this.#end > 0 || this.#bytes.length < PREFIX_BYTES) return undefined;
    const flag = this.#bytes[0] ?? 0;
    const length = this.#bytes.readUInt32BE(1);
    if (flag > 1) return { code: "INTERNAL", text: "bad compression flag" };
    if (length > this.#maxBytes) return { code: "RESOURCE_EXHAUSTED", text: "message too large" };
    if (flag === 1 && !this.#canDecode) return this.#faultOfEncoding();
    this.#end = PREFIX_BYTES + length;
    return undefined;
  }

  get #canDecode(): boolean {
    return this.#encoding !== undefined && Object.hasOwn(DECODERS, this.#encoding);
  }

  #faultOfEncoding(): Refusal {
    const isIdentity = this.#encoding === undefined || this.#encoding === "identity";
    if (isIdentity) return { code: "INTERNAL", text: "compressed flag set without encoding" };
    return { code: "UNIMPLEMENTED", text: "unknown message encoding", tellsEncodings: true };
  }

  #decompress(message: Buffer): Buffer | Refusal {
    try {
      return DECODERS[this.#encoding ?? ""]?.(message, this.#maxBytes) ?? NO_BYTES;
    } catch (error) {
      const isTooLarge = error instanceof Error && "code" in error && error.code === "ERR_BUFFER_TOO_LARGE";
      return isTooLarge
        ? { code: "RESOURCE_EXHAUSTED", text: "message too large" }
        : { code: "INTERNAL", text: "failed to decompress" };
    }
  }
}
