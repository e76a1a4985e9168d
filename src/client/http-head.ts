/**
 * The head of an HTTP/1.1 response. What RFC 9112 lets a recipient repair is repaired; a head that two parsers could read
 * in two ways is refused.
 *
 *     LF alone ends a line (section 2.2)           several blanks in the status line (section 4)
 *     a folded line is unfolded (section 5.2)      a blank before a colon is removed (section 5.1)
 *     a transfer-encoding overrides a content-length, and the connection is not kept (section 6.3)
 *
 * The text comes from the target, so every pattern here takes time in proportion to its length.
 */
import { BrokenCall } from "./broken-call.js";

/** How the end of a body is known: by a number of bytes, by its chunks, or by the end of the connection. */
export type BodyLength = number | "chunked" | "until-close";

export interface HttpHead {
  readonly status: number;
  /** Values by name in lower case. Values of a repeated field are joined by commas (RFC 9110, section 5.3); see `separatorOf`. */
  readonly headers: ReadonlyMap<string, string>;
  readonly bodyLength: BodyLength;
  /** Whether the connection may be used again. */
  readonly keepAlive: boolean;
}

const STATUS_LINE = /^HTTP\/1\.(\d)[ \t]+([1-9]\d\d)(?:[ \t\r]|$)/;
const FIELD_NAME = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
/** NUL, and CR without LF. Other control characters are kept (RFC 9110, section 5.5). */
const BAD_TEXT = /\0|\r(?!\n)/;
const FOLD = /\r?\n[ \t]+/g;

const MAX_FIELDS = 256;

/**
 * Reads a head: everything before its empty line.
 * @throws BrokenCall `protocol`
 */
export function readHead(text: string): HttpHead {
  if (BAD_TEXT.test(text)) throw broken("the head of the answer has NUL, or CR without LF");
  const [statusLine = "", ...lines] = text.replace(FOLD, " ").split("\n");
  const [, minor, code] = STATUS_LINE.exec(statusLine) ?? [];
  if (code === undefined) throw broken("the answer does not start with a status line of HTTP/1");
  if (lines.length > MAX_FIELDS) throw broken(`the answer has more than ${MAX_FIELDS} header fields`);
  const headers = new Map<string, string>();
  for (const line of lines) {
    const colon = line.indexOf(":");
    const name = line.slice(0, Math.max(colon, 0)).trimEnd().toLowerCase();
    if (!FIELD_NAME.test(name)) throw broken("a header line of the answer is malformed");
    const value = line.slice(colon + 1).trim();
    addField(headers, name, value);
  }
  const status = Number(code);
  const transferCodings = transferCodingsOf(headers);
  return {
    status,
    headers,
    bodyLength: bodyLengthOf(status, headers, transferCodings),
    keepAlive: isKept(headers, minor === "0") && !isDoubtful(headers, transferCodings, minor === "0"),
  };
}

/** Fields whose values may have commas, but are no lists: LF stands between repeated ones (RFC 9110, section 5.3). */
const NO_LISTS: ReadonlySet<string> = new Set(["set-cookie", "location"]);

/** What stands between the values of a repeated field. */
export function separatorOf(name: string): string {
  return NO_LISTS.has(name) ? "\n" : ", ";
}

/** Adds a field; its value is appended where the name is there already. */
export function addField(fields: Map<string, string>, name: string, value: string): void {
  const before = fields.get(name);
  fields.set(name, before === undefined ? value : `${before}${separatorOf(name)}${value}`);
}

function isKept(headers: ReadonlyMap<string, string>, isHttp10: boolean): boolean {
  const connection = headers.get("connection");
  if (connection === undefined) return !isHttp10;
  return !CLOSE.test(connection) && (!isHttp10 || KEEP_ALIVE.test(connection));
}

const CLOSE = /(?:^|,)[ \t]*close[ \t]*(?:,|$)/i;
const KEEP_ALIVE = /(?:^|,)[ \t]*keep-alive[ \t]*(?:,|$)/i;

/** After two lengths, or a transfer-encoding of HTTP/1.0, the connection is closed (section 6.1). */
function isDoubtful(
  headers: ReadonlyMap<string, string>,
  transferCodings: readonly string[],
  isHttp10: boolean,
): boolean {
  return transferCodings.length > 0 && (isHttp10 || headers.has("content-length"));
}

/** The transfer codings of a body in their order. `identity` was one in the past, and means none. */
export function transferCodingsOf(headers: ReadonlyMap<string, string>): readonly string[] {
  const value = headers.get("transfer-encoding");
  return value === undefined ? NONE : membersOf(value).filter((coding) => coding !== "identity");
}

const NONE: readonly string[] = [];

/** The members of a list (RFC 9110, section 5.6.1) in lower case. */
export function membersOf(list: string): readonly string[] {
  const members = list.toLowerCase().split(",");
  return members.map((member) => member.trim()).filter((member) => member !== "");
}

const LENGTH = /^\d{1,15}$/;

function bodyLengthOf(
  status: number,
  headers: ReadonlyMap<string, string>,
  transferCodings: readonly string[],
): BodyLength {
  if (status < 200 || status === 204 || status === 304) return 0;
  if (transferCodings.length > 0) {
    const chunkedAt = transferCodings.indexOf("chunked");
    if (chunkedAt === -1) return "until-close";
    if (chunkedAt < transferCodings.length - 1)
      throw broken("the answer's transfer-encoding does not end with chunked");
    return "chunked";
  }
  return contentLengthOf(headers) ?? "until-close";
}

/**
 * The content-length; `undefined` without one. Equal ones count as one (RFC 9110, section 8.6).
 * @throws BrokenCall `protocol`
 */
export function contentLengthOf(headers: ReadonlyMap<string, string>): number | undefined {
  const length = headers.get("content-length");
  if (length === undefined) return undefined;
  if (LENGTH.test(length)) return Number(length);
  const [first = "", ...others] = membersOf(length);
  if (!LENGTH.test(first)) throw broken("the answer's content-length is not a number");
  if (others.some((other) => other !== first)) throw broken("the answer has two content-lengths");
  return Number(first);
}

function broken(text: string): BrokenCall {
  return new BrokenCall("protocol", text);
}
