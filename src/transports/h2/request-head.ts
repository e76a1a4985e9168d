/**
 * The head of a request: the fields that an answer depends on, and whether the header list is well-formed (RFC 9113,
 * sections 8.2 and 8.3). A malformed request is not answered: two parsers could read it in two ways.
 *
 * A prober sends the same header block again and again. A block that changes no HPACK table, and comes again while no
 * table has changed, has the same meaning as before: it is decoded once.
 */
import { isFieldName } from "../../wire/http2/fields.js";
import { HpackDecoder } from "../../wire/http2/hpack-decoder.js";

/** The fields that answers depend on. Of a repeated field, the first value. */
export interface RequestHead {
  readonly method: string;
  readonly path: string;
  readonly contentType: string | undefined;
  /** Octets of the body, if the client states them. */
  readonly contentLength: number | undefined;
  readonly accept: string | undefined;
  readonly authorization: string | undefined;
  /** `x-consul-token`. */
  readonly consulToken: string | undefined;
  /** `:authority`, or else `host`. */
  readonly host: string | undefined;
  readonly lastEventId: string | undefined;
  readonly grpcTimeout: string | undefined;
  readonly grpcEncoding: string | undefined;
}

/** A value has no line break and no NUL (section 8.2.1). */
const BAD_VALUE = /[\0\r\n]/;

/**
 * A value has no blank at its ends either. But grpc-go with an empty user agent sends ` grpc-go/1.84.0`, and other servers
 * answer it. As with nghttp2, such a field is ignored.
 */
const OUTER_BLANK = /^[ \t]|[ \t]$/;

/** They state where the request ends and for which host it is: with a blank around one, the request is malformed. */
const STRICT_FIELDS: ReadonlySet<string> = new Set(["content-length", "host"]);

const PSEUDO_FIELDS: ReadonlySet<string> = new Set([":method", ":scheme", ":path", ":authority"]);

/** Why a header block is not a head. */
export type HeadFault = "malformed" | "too long";

/** A longer block is not kept. */
const MAX_KEPT_BYTES = 256;

/** Reads the heads of one connection. */
export class HeadReader {
  readonly #decoder = new HpackDecoder();
  #last: { readonly block: Buffer; readonly version: number; readonly head: RequestHead } | undefined;

  /** Reads the head of a request. @throws ConnectionError COMPRESSION_ERROR */
  read(block: Buffer): RequestHead | HeadFault {
    const last = this.#last;
    const { version } = this.#decoder;
    if (last !== undefined && last.version === version && isSame(last.block, block)) return last.head;
    const { fields, tooLong } = this.#decoder.decode(block);
    if (tooLong) return "too long";
    const head = readRequestHead(fields);
    if (head === undefined) return "malformed";
    if (this.#decoder.version === version && block.length <= MAX_KEPT_BYTES)
      this.#last = { block: Buffer.from(block), version, head };
    return head;
  }

  /** Checks the trailers of a request; their content is not used. @throws ConnectionError COMPRESSION_ERROR */
  readTrailers(block: Buffer): HeadFault | undefined {
    const { fields, tooLong } = this.#decoder.decode(block);
    if (tooLong) return "too long";
    return areTrailers(fields) ? undefined : "malformed";
  }

  /** Decodes a block that is not used: the HPACK tables of both sides must stay equal. */
  skip(block: Buffer): void {
    this.#decoder.decode(block);
  }
}

/** Compares a few bytes: a call into native code would cost more. */
function isSame(one: Buffer, other: Buffer): boolean {
  if (one.length !== other.length) return false;
  for (let at = 0; at < one.length; at += 1) if (one[at] !== other[at]) return false;
  return true;
}

/** Reads a head from alternating names and values; `undefined` when it is malformed. */
export function readRequestHead(fields: readonly string[]): RequestHead | undefined {
  const found = new Map<string, string>();
  let regular = false;
  for (let at = 0; at < fields.length; at += 2) {
    const name = fields[at] ?? "";
    const value = fields[at + 1] ?? "";
    const isPseudo = name.startsWith(":");
    if (isPseudo ? regular || found.has(name) || !PSEUDO_FIELDS.has(name) : !isRegular(name, value)) return undefined;
    if (BAD_VALUE.test(value) || contradicts(found, name, value)) return undefined;
    regular ||= !isPseudo;
    if (OUTER_BLANK.test(value)) {
      if (isPseudo || STRICT_FIELDS.has(name)) return undefined;
      continue;
    }
    if (!found.has(name)) found.set(name, value);
  }
  return headOf(found);
}

/** Whether fields are well-formed trailers: without pseudo-fields (section 8.1). */
export function areTrailers(fields: readonly string[]): boolean {
  for (let at = 0; at < fields.length; at += 2) {
    const value = fields[at + 1] ?? "";
    if (!isRegular(fields[at] ?? "", value) || BAD_VALUE.test(value)) return false;
  }
  return true;
}

function isRegular(name: string, value: string): boolean {
  return isFieldName(name) && (name !== "te" || value === "trailers");
}

/** Two lengths of one body, or two hosts of one request (section 8.3.1). */
function contradicts(found: ReadonlyMap<string, string>, name: string, value: string): boolean {
  if (name !== "content-length" && name !== "host") return false;
  const before = found.get(name) ?? (name === "host" ? found.get(":authority") : undefined);
  return before !== undefined && before !== value;
}

function headOf(found: ReadonlyMap<string, string>): RequestHead | undefined {
  const method = found.get(":method");
  const path = found.get(":path");
  const length = found.get("content-length");
  if (method === undefined || path === undefined || !found.has(":scheme")) return undefined;
  // the target is a path, or `*` for OPTIONS of the whole server (section 8.3.1)
  if (!path.startsWith("/") && !(path === "*" && method === "OPTIONS")) return undefined;
  if (length !== undefined && !/^\d{1,15}$/.test(length)) return undefined;
  return {
    method,
    path,
    contentType: found.get("content-type"),
    contentLength: length === undefined ? undefined : Number(length),
    accept: found.get("accept"),
    authorization: found.get("authorization"),
    consulToken: found.get("x-consul-token"),
    host: found.get(":authority") ?? found.get("host"),
    lastEventId: found.get("last-event-id"),
    grpcTimeout: found.get("grpc-timeout"),
    grpcEncoding: found.get("grpc-encoding"),
  };
}
