/**
 * Bodies of requests that are not messages with their prefix as they are: base64 of them, or a message alone.
 */
import { MAX_REQUEST_BYTES } from "../grpc/engine.js";
import { frameMessage, MessageReader, type Refusal } from "../grpc/message-reader.js";

/** Reads the body of a request to its one message. */
export interface BodyReader {
  /** Adds bytes. Returns a refusal as soon as it is certain. */
  read(bytes: Buffer): Refusal | undefined;
  /** The message of a complete body. */
  end(): Buffer | Refusal;
}

/** Characters of base64 that stand for three bytes, or for fewer with padding. */
const GROUP = 4;
const BASE64 = /^[A-Za-z0-9+/]*={0,2}$/;
const NO_BASE64: Refusal = { code: "INTERNAL", text: "body is not valid base64" };

/** Base64, in parts that are cut anywhere. Each part that a client encodes may have padding of its own. */
export class Base64Body implements BodyReader {
  readonly #inner: BodyReader;
  /** Characters that are not a whole group. */
  #rest = "";

  constructor(inner: BodyReader) {
    this.#inner = inner;
  }

  read(bytes: Buffer): Refusal | undefined {
    const text = this.#rest + bytes.toString("latin1");
    const end = text.length - (text.length % GROUP);
    this.#rest = text.slice(end);
    // padding ends a part: what follows it begins at a group
    for (const part of text.slice(0, end).match(/[^=]+=*|=+/g) ?? []) {
      if (part.length % GROUP !== 0 || !BASE64.test(part)) return NO_BASE64;
      const refusal = this.#inner.read(Buffer.from(part, "base64"));
      if (refusal !== undefined) return refusal;
    }
    return undefined;
  }

  end(): Buffer | Refusal {
    return this.#rest === "" ? this.#inner.end() : NO_BASE64;
  }
}

/** A body that is the message, compressed as a whole with an encoding. It has the limits and faults of a message with a prefix. */
export class WholeBody implements BodyReader {
  readonly #encoding: string | undefined;
  readonly #chunks: Buffer[] = [];
  #length = 0;

  /** @param encoding the value of `content-encoding` */
  constructor(encoding: string | undefined) {
    this.#encoding = encoding;
  }

  read(bytes: Buffer): Refusal | undefined {
    this.#chunks.push(bytes);
    this.#length += bytes.length;
    return this.#length > MAX_REQUEST_BYTES ? { code: "RESOURCE_EXHAUSTED", text: "message too large" } : undefined;
  }

  end(): Buffer | Refusal {
    const isCompressed = this.#encoding !== undefined && this.#encoding !== "identity";
    const reader = new MessageReader(this.#encoding, false);
    return reader.read(frameMessage(Buffer.concat(this.#chunks), isCompressed ? 1 : 0)) ?? reader.end();
  }
}
