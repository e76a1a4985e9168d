/**
 * Reads a body in chunks from its bytes as they come. Source: RFC 9112, section 7.1.
 *
 *     size CRLF  data CRLF  size CRLF  data CRLF  ...  0 CRLF  [trailer CRLF ...] CRLF
 */
import { BrokenCall } from "./broken-call.js";

/** The longest line: a size with its extension, or a line of the trailer section. */
const MAX_LINE_BYTES = 16_384;

const MAX_TRAILERS = 256;

/**
 * Octets of size lines beside the data. A chunk of one octet has five of them; with an extension, a target could send
 * a thousand for each octet of data.
 */
const MAX_OVERHEAD_BYTES = 65_536;
const MAX_OVERHEAD_RATIO = 8;

type Expecting = "size" | "data" | "end-of-data" | "trailer";

export class ChunkedBody {
  #expecting: Expecting = "size";
  #missing = 0;
  #line = "";
  #trailers = 0;
  #dataBytes = 0;
  #overheadBytes = 0;

  /**
   * Takes the next bytes and passes the data in them to `onData`. Returns how many bytes follow the end of the body, or
   * `undefined` before its end.
   * @throws BrokenCall `protocol`
   */
  push(bytes: Buffer, onData: (data: Buffer) => void): number | undefined {
    let at = 0;
    while (at < bytes.length) {
      if (this.#expecting === "data") {
        const data = bytes.subarray(at, at + this.#missing);
        onData(data);
        at += data.length;
        this.#missing -= data.length;
        this.#dataBytes += data.length;
        if (this.#missing === 0) this.#expecting = "end-of-data";
        continue;
      }
      const end = bytes.indexOf(10, at);
      const stop = end === -1 ? bytes.length : end + 1;
      this.#line += bytes.toString("latin1", at, stop);
      this.#overheadBytes += stop - at;
      at = stop;
      if (this.#overheadBytes > MAX_OVERHEAD_BYTES + MAX_OVERHEAD_RATIO * this.#dataBytes)
        throw broken("the chunks of the answer have more extensions than data");
      if (this.#line.length > MAX_LINE_BYTES)
        throw broken("a chunk size line or a trailer line of the answer is too long");
      if (end !== -1 && this.#takeLine()) return bytes.length - at;
    }
    return undefined;
  }

  /** Takes a complete line. Returns true for the last line of the body. */
  #takeLine(): boolean {
    const endsWithCr = this.#line.endsWith("\r\n");
    // LF alone ends a field (RFC 9112, section 2.2), but not a size
    if (!endsWithCr && this.#expecting !== "trailer")
      throw broken("a chunk size line of the answer does not end with CRLF");
    const line = this.#line.slice(0, endsWithCr ? -2 : -1);
    this.#line = "";
    switch (this.#expecting) {
      case "size":
        this.#takeSize(line);
        return false;
      case "end-of-data":
        if (line !== "") throw broken("a chunk of the answer is longer than its size");
        this.#expecting = "size";
        return false;
      case "trailer":
        this.#trailers += 1;
        if (this.#trailers > MAX_TRAILERS) throw broken("the trailer section of the answer has too many lines");
        return line === "";
      default:
        throw broken("a chunk of the answer is not complete");
    }
  }

  #takeSize(line: string): void {
    const [, size] = /^0*([0-9a-fA-F]{1,8})[ \t]*(?:;.*)?$/.exec(line) ?? [];
    if (size === undefined) throw broken("the size of a chunk of the answer is not a number");
    this.#missing = Number.parseInt(size, 16);
    this.#expecting = this.#missing === 0 ? "trailer" : "data";
  }
}

function broken(text: string): BrokenCall {
  return new BrokenCall("protocol", text);
}
