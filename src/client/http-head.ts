/**
 * The head of an HTTP/1.1 response, read strictly: an ambiguous head is refused.
 *
 * Source: RFC 9112, sections 4 (status line), 5 (field syntax) and 6.3 (the length of a body). The text comes from the
 * target, so every pattern here takes time in proportion to its length.
 */
import { BrokenCall } from "./broken-call.js";

/** How the end of a body is known: by a number of bytes, by its chunks, or by the end of the connection. */
export type BodyLength = number | "chunked" | "until-close";

export interface HttpHead {
  readonly status: number;
  /** Values by name in lower case. Values of a repeated field are joined by commas. */
  readonly headers: ReadonlyMap<string, string>;
  readonly bodyLength: BodyLength;
  /** Whether the connection may be used again. */
  readonly keepAlive: boolean;
}

const STATUS_LINE = /^HTTP\/1\.([01]) ([1-9]\d\d)(?: |$)/;
const FIELD_NAME = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is refused
const CONTROL = /[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]|\r(?!\n)|(?<!\r)\n/;

const MAX_FIELDS = 100;

/**
 * Reads a head: everything before its empty line.
 * @throws BrokenCall `protocol`
 */
export function readHead(text: string): HttpHead {
  const [statusLine = "", ...lines] = text.split("\r\n");
  const [, minor, code] = STATUS_LINE.exec(statusLine) ?? [];
  if (code === undefined) throw broken("the answer does not start with a status line of HTTP/1");
  if (lines.length > MAX_FIELDS) throw broken(`the answer has more than ${MAX_FIELDS} header fields`);
  if (CONTROL.test(text)) throw broken("the head of the answer has control characters");
  const headers = new Map<string, string>();
  for (const line of lines) {
    const colon = line.indexOf(":");
    const name = line.slice(0, Math.max(colon, 0)).toLowerCase();
    if (!FIELD_NAME.test(name)) throw broken("a header line of the answer is malformed");
    const value = line.slice(colon + 1).trim();
    const before = headers.get(name);
    headers.set(name, before === undefined ? value : `${before}, ${value}`);
  }
  const status = Number(code);
  const connection = headers.get("connection")?.toLowerCase() ?? "";
  return {
    status,
    headers,
    bodyLength: bodyLengthOf(status, headers),
    keepAlive: minor === "1" ? !connection.includes("close") : connection.includes("keep-alive"),
  };
}

function bodyLengthOf(status: number, headers: ReadonlyMap<string, string>): BodyLength {
  if (status < 200 || status === 204 || status === 304) return 0;
  const coding = headers.get("transfer-encoding");
  const length = headers.get("content-length");
  if (coding !== undefined) {
    if (length !== undefined) throw broken("the answer has both a transfer-encoding and a content-length");
    if (coding.toLowerCase() !== "chunked") throw broken("the answer's transfer-encoding is not chunked");
    return "chunked";
  }
  if (length === undefined) return "until-close";
  const [first = "", ...others] = length.split(",").map((each) => each.trim());
  if (!/^\d{1,15}$/.test(first)) throw broken("the answer's content-length is not a number");
  if (others.some((other) => other !== first)) throw broken("the answer has two content-lengths");
  return Number(first);
}

function broken(text: string): BrokenCall {
  return new BrokenCall("protocol", text);
}
