/**
 * The head of a gRPC call: which server it is for, and the metadata that the operator gives.
 *
 *     given                 :authority             name in TLS (SNI and certificate)
 *     neither               target's HOST:PORT     target's host
 *     serverName            serverName             serverName
 *     authority             authority              its host
 *     both                  authority              serverName
 *     a unix socket         localhost              -
 *
 * These are the rules of grpc-go, except that grpc-go refuses two names that differ. Behind a gateway both are useful:
 * the gateway has a certificate of its own, and routes by the authority.
 *
 * Source: grpc/grpc doc/PROTOCOL-HTTP2.md, "Requests"; RFC 9113, section 8.3.1.
 */
import { domainToASCII } from "node:url";
import { OptionError } from "../core/option-error.js";
import { encodeHeaders } from "../wire/http2/hpack-encoder.js";

/** What names the server of a call. */
export interface ServerNaming {
  /** Where the target is; `undefined` for a unix socket. */
  readonly address: { readonly host: string; readonly port: number } | undefined;
  /** `HOST` or `HOST:PORT`. */
  readonly authority?: string | undefined;
  /** The name that `tls` has. */
  readonly serverName?: string | undefined;
}

/** The names of a server. */
export interface ServerNames {
  readonly authority: string;
  /** For SNI and the certificate. A name without port, or an address without brackets. */
  readonly tlsName: string;
}

/** The longest name of a host in DNS, and a port. */
const MAX_AUTHORITY_BYTES = 253 + ":65535".length;

/** A name with the characters of RFC 3986, section 3.2.2, or an IPv6 address in brackets; and a port. */
const AUTHORITY = /^(?:([\w.~!$&'()*+,;=%-]+)|\[([\da-f:.]+)\])(?::(\d{1,5}))?$/i;

/**
 * The names that calls and TLS use.
 * @throws HealthError INVALID_OPTION for an authority that is not `HOST` or `HOST:PORT`
 */
export function serverNamesOf({ address, authority, serverName }: ServerNaming): ServerNames {
  if (authority !== undefined) {
    const given = readAuthority(authority);
    return { authority: given.text, tlsName: serverName ?? given.host };
  }
  if (serverName !== undefined) return { authority: authorityOfName(serverName), tlsName: serverName };
  if (address === undefined) return { authority: "localhost", tlsName: "localhost" };
  return { authority: `${withoutLocalParts(address.host)}:${address.port}`, tlsName: address.host };
}

/** Neither the root dot of DNS nor the zone of this machine is part of a name that a server knows (RFC 6874, section 4). */
function withoutLocalParts(host: string): string {
  const name = host.replace(/^\[(.*)\]$/, "$1").replace(/%.*$|\.$/, "");
  return name.includes(":") ? `[${name}]` : name;
}

function authorityOfName(serverName: unknown): string {
  const text = typeof serverName === "string" ? toAscii(withoutLocalParts(serverName)) : "";
  if (AUTHORITY.test(text)) return text;
  throw new OptionError(["tls", "serverName"], "must be the name of a host, such as orders.example");
}

function readAuthority(given: unknown): { readonly text: string; readonly host: string } {
  const text = typeof given === "string" ? toAscii(given) : "";
  const [, name, address, port = "1"] = AUTHORITY.exec(text) ?? [];
  const host = name ?? address;
  const isPort = Number(port) >= 1 && Number(port) <= 65_535;
  if (host !== undefined && isPort && text.length <= MAX_AUTHORITY_BYTES) return { text, host };
  // the value may hold credentials, so it is not shown
  throw new OptionError(["authority"], "must be HOST or HOST:PORT, such as orders.example:443");
}

/** Converts the name of a host in Unicode, as URLs do. They drop line breaks, which are left in place here. */
function toAscii(authority: string): string {
  const [, name = "", port = ""] = /^([^:]*)(.*)$/s.exec(authority) ?? [];
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters and blanks are what is searched for
  const isConverted = /[^\u0000-\u007f]/.test(name) && !/[\u0000-\u0020\u007f]/.test(name);
  return isConverted ? `${domainToASCII(name)}${port}` : authority;
}

/** Metadata that a call has, as header fields. */
export type MetadataFields = readonly (readonly [name: string, value: string])[];

/** Servers may refuse longer heads (grpc/grpc doc/PROTOCOL-HTTP2.md, "Requests"). Each field counts 32 more (RFC 9113, 6.5.2). */
const MAX_METADATA_BYTES = 8_192;

const FIELD_OVERHEAD = 32;

const METADATA_NAME = /^[0-9a-z_.-]+$/;
const ASCII_VALUE = /^[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?$/;
const BASE64_VALUE = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}(?:==)?|[A-Za-z0-9+/]{3}=?)?$/;

/** Fields that frame a message, or are about one connection (RFC 9113, section 8.2.2): a server refuses or misreads them. */
const FRAMING: ReadonlySet<string> = new Set([
  ...[
    "connection",
    "proxy-connection",
    "keep-alive",
    "transfer-encoding",
    "upgrade",
    "te",
    "trailer",
    "http2-settings",
  ],
  ...["content-type", "content-length", "content-encoding", "host", "expect"],
]);

/**
 * The metadata of a call as header fields. Names are in lower case. The value of a name that ends with `-bin` is base64,
 * with padding or without; it is sent without, as gRPC prefers.
 * @throws HealthError INVALID_OPTION for what cannot be sent. The text has no value, which may be a secret
 */
export function metadataFieldsOf(given: Readonly<Record<string, string>> = {}): MetadataFields {
  if (typeof given !== "object" || given === null || Array.isArray(given))
    throw new OptionError(["metadata"], "must be a table of names and values");
  const fields = new Map<string, string>();
  let bytes = 0;
  for (const [key, value] of Object.entries(given)) {
    const name = key.toLowerCase();
    const fault = nameFault(name) ?? valueFault(name, value);
    if (fault !== undefined) throw new OptionError(["metadata", shownName(key)], fault);
    if (fields.has(name)) throw new OptionError(["metadata", shownName(key)], "must not be there twice");
    fields.set(name, name.endsWith("-bin") ? value.replace(/=+$/, "") : value);
    bytes += name.length + value.length + FIELD_OVERHEAD;
  }
  if (bytes > MAX_METADATA_BYTES)
    throw new OptionError(
      ["metadata"],
      `must have at most ${MAX_METADATA_BYTES} bytes, with ${FIELD_OVERHEAD} for each; got ${bytes}`,
    );
  return [...fields];
}

function nameFault(name: string): string | undefined {
  if (name.startsWith(":")) return "is a name of HTTP/2 itself; the option authority sets :authority";
  if (!METADATA_NAME.test(name)) return "is not a name; it must have letters, digits, _, - and . alone";
  if (name === "host") return "must not be set; the option authority sets the name of the server";
  if (FRAMING.has(name) || name.startsWith("grpc-")) return "is a name that gRPC or HTTP/2 sets itself";
  return undefined;
}

function valueFault(name: string, value: unknown): string | undefined {
  if (typeof value !== "string") return "must have a text as its value";
  if (value === "") return "must not have an empty value";
  if (name.endsWith("-bin")) return BASE64_VALUE.test(value) ? undefined : "must have a value in base64";
  if (ASCII_VALUE.test(value)) return undefined;
  return "must have a value of printable ASCII, without a space at its ends; a name that ends with -bin takes other bytes";
}

/** A long name may be a value in the wrong place. */
function shownName(name: string): string {
  return name.length > 40 ? `${name.slice(0, 40)}...` : name;
}

/** What the head of a call is made of. */
export interface CallTarget {
  readonly scheme: "http" | "https";
  readonly authority: string;
  readonly path: string;
  readonly metadata: MetadataFields;
  /** Default `healthbridge`. Metadata with this name replaces it. */
  readonly userAgent?: string;
}

/** The header block of a call: it depends on no table, so it is made once for all calls of a method. */
export function encodeCallHead({ scheme, authority, path, metadata, userAgent = "healthbridge" }: CallTarget): Buffer {
  const hasUserAgent = metadata.some(([name]) => name === "user-agent");
  const fields: MetadataFields = [
    [":method", "POST"],
    [":scheme", scheme],
    [":path", path],
    [":authority", authority],
    ["content-type", "application/grpc"],
    ["te", "trailers"],
    ...(hasUserAgent ? [] : [["user-agent", userAgent] as const]),
    ...metadata,
  ];
  return encodeHeaders(fields);
}
