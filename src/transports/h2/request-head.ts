/**
 * The head of a request: as much of its header list as an answer depends on, and whether the list is well-formed at all
 * (RFC 9113, sections 8.2 and 8.3).
 *
 * What a malformed request asks is not answered: two readers could read it in two ways.
 */

/** A request's head. Fields that can't be repeated have the first of their values. */
export interface RequestHead {
  readonly method: string;
  readonly path: string;
  readonly contentType: string | undefined;
  /** Octets of the body, when the client says how many. */
  readonly contentLength: number | undefined;
  readonly accept: string | undefined;
  readonly authorization: string | undefined;
  readonly grpcTimeout: string | undefined;
  readonly grpcEncoding: string | undefined;
}

/** Names of fields are lower-case tokens (section 8.2.1; RFC 9110, section 5.6.2). */
const FIELD_NAME = /^[!#$%&'*+\-.^_`|~0-9a-z]+$/;

/** No line break and no NUL is in a value, and no blank at its ends (section 8.2.1). */
const BAD_VALUE = /[\0\r\n]|^[ \t]|[ \t]$/;

/** Fields that are about one connection of HTTP/1 (section 8.2.2). */
const CONNECTION_FIELDS = new Set(["connection", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade"]);

const PSEUDO_FIELDS = new Set([":method", ":scheme", ":path", ":authority"]);

/** Reads the head of a request from names and values by turns; `undefined` when it is malformed. */
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
    if (!found.has(name)) found.set(name, value);
  }
  return headOf(found);
}

/** Whether the fields after a body are well-formed: there are no pseudo-fields among them (section 8.1). */
export function areTrailers(fields: readonly string[]): boolean {
  for (let at = 0; at < fields.length; at += 2) {
    const value = fields[at + 1] ?? "";
    if (!isRegular(fields[at] ?? "", value) || BAD_VALUE.test(value)) return false;
  }
  return true;
}

function isRegular(name: string, value: string): boolean {
  return FIELD_NAME.test(name) && !CONNECTION_FIELDS.has(name) && (name !== "te" || value === "trailers");
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
  // the target of a request is a path, but for OPTIONS, which may ask of the server as a whole (section 8.3.1)
  if (!path.startsWith("/") && !(path === "*" && method === "OPTIONS")) return undefined;
  if (length !== undefined && !/^\d{1,15}$/.test(length)) return undefined;
  return {
    method,
    path,
    contentType: found.get("content-type"),
    contentLength: length === undefined ? undefined : Number(length),
    accept: found.get("accept"),
    authorization: found.get("authorization"),
    grpcTimeout: found.get("grpc-timeout"),
    grpcEncoding: found.get("grpc-encoding"),
  };
}
