/**
 * Reads the header of the PROXY protocol, versions 1 and 2: with it, a proxy names the client of a connection.
 *
 *     v1   "PROXY TCP4 192.0.2.1 198.51.100.1 56324 443\r\n"                        at most 107 bytes
 *     v2   signature (12) | version, command | family | length (2) | addresses | type, length (2), value | ...
 *
 * A connection that the proxy itself has opened (LOCAL), and one whose client it does not know (UNKNOWN, UNSPEC), keep the address
 * of the proxy. Source: haproxy.org/download/2.8/doc/proxy-protocol.txt, section 2.
 */
import { isIPv4, isIPv6 } from "node:net";
import type { ProxyHeaderFault } from "../core/channels.js";
import { crc32c } from "./crc32c.js";

/** What bytes mean as a header. `client` undefined: the header names none. */
export type HeaderReading =
  | "more"
  | { readonly fault: Exclude<ProxyHeaderFault, "timeout" | "cut"> }
  | { readonly length: number; readonly client: string | undefined };

const SIGNATURE = Buffer.from("\r\n\r\n\0\r\nQUIT\n", "latin1");

const V1_START = Buffer.from("PROXY ", "latin1");

const MAX_V1_BYTES = 107;

/** The protocol says that a header fits one TCP segment. A larger one is refused before its end has come. */
export const MAX_V2_BYTES = 4_096;

const V2_FIXED_BYTES = 16;

/** Reads a header at the beginning of a connection. */
export function readProxyHeader(bytes: Buffer): HeaderReading {
  if (startsLike(bytes, SIGNATURE)) return bytes.length < V2_FIXED_BYTES ? "more" : readV2(bytes);
  if (startsLike(bytes, V1_START)) return readV1(bytes);
  return { fault: "missing" };
}

/** Whether the bytes begin with a text, as far as they have come. */
function startsLike(bytes: Buffer, text: Buffer): boolean {
  const length = Math.min(bytes.length, text.length);
  return bytes.compare(text, 0, length, 0, length) === 0;
}

const PORT = "(?:0|[1-9]\\d{0,4})";
const V1_LINE = new RegExp(`^PROXY (?:UNKNOWN(?: .*)?|TCP([46]) (\\S+) (\\S+) (${PORT}) (${PORT}))$`, "s");

function readV1(bytes: Buffer): HeaderReading {
  const end = bytes.indexOf("\r\n");
  if (end < 0) return bytes.length < MAX_V1_BYTES ? "more" : { fault: "too-long" };
  const length = end + 2;
  if (length > MAX_V1_BYTES) return { fault: "too-long" };
  const [line, family, source = "", destination = "", ...ports] = V1_LINE.exec(bytes.toString("latin1", 0, end)) ?? [];
  if (line === undefined) return { fault: "malformed" };
  if (family === undefined) return { length, client: undefined };
  const isAddress = family === "4" ? isIPv4 : isIPv6;
  const isValid =
    [source, destination].every((address) => isAddress(address) && !address.includes("%")) &&
    ports.every((port) => Number(port) <= 65_535);
  return isValid ? { length, client: family === "4" ? source : shortIpv6(source) } : { fault: "malformed" };
}

/** Version 2 with a command. */
const LOCAL = 0x20;
const PROXY = 0x21;

/** The bytes of the two addresses with their ports, by the family: the high half of the 14th byte. */
const ADDRESS_BYTES: Readonly<Record<number, number>> = { 0: 0, 1: 12, 2: 36, 3: 216 };

function readV2(bytes: Buffer): HeaderReading {
  const [command = 0, protocol = 0, length] = [bytes[12], bytes[13], V2_FIXED_BYTES + bytes.readUInt16BE(14)];
  const family = protocol >> 4;
  const addressBytes = ADDRESS_BYTES[family];
  const isLocal = command === LOCAL;
  // the transport is UNSPEC, STREAM or DGRAM
  const isKnown = command === PROXY && addressBytes !== undefined && (protocol & 0xf) <= 2;
  if (!isLocal && !isKnown) return { fault: "malformed" };
  if (length > MAX_V2_BYTES) return { fault: "too-long" };
  if (bytes.length < length) return "more";
  const header = bytes.subarray(0, length);
  // of a LOCAL connection, the block is skipped, and its family and transport have no meaning
  if (isLocal || addressBytes === undefined) return { length, client: undefined };
  const valuesAt = V2_FIXED_BYTES + addressBytes;
  if (valuesAt > length) return { fault: "malformed" };
  // without a family, what follows may be addresses of any form
  const fault = family === 0 ? undefined : faultOfValues(header, valuesAt);
  return fault === undefined ? { length, client: clientOf(header, family) } : { fault };
}

const CRC32C_TYPE = 0x03;

/** The fault of the type-length-value triples that begin at an offset. All but the checksum are skipped. */
function faultOfValues(header: Buffer, start: number): "malformed" | "checksum" | undefined {
  for (let at = start; at < header.length; ) {
    if (at + 3 > header.length) return "malformed";
    const [valueAt, length] = [at + 3, header.readUInt16BE(at + 1)];
    if (valueAt + length > header.length) return "malformed";
    if (header[at] === CRC32C_TYPE) {
      if (length !== 4) return "malformed";
      const zeroed = Buffer.concat([header.subarray(0, valueAt), Buffer.alloc(4), header.subarray(valueAt + 4)]);
      if (crc32c(zeroed) !== header.readUInt32BE(valueAt)) return "checksum";
    }
    at = valueAt + length;
  }
  return undefined;
}

/** The source address; a client of a unix socket has none. */
function clientOf(header: Buffer, family: number): string | undefined {
  if (family === 1) return header.subarray(16, 20).join(".");
  if (family !== 2) return undefined;
  const groups = Array.from({ length: 8 }, (_, index) => header.readUInt16BE(16 + 2 * index).toString(16));
  return shortIpv6(groups.join(":"));
}

/** The usual form of an IPv6 address, as the operating system gives it: equal addresses are equal texts. */
function shortIpv6(address: string): string {
  const short = new URL(`http://[${address}]`).hostname.slice(1, -1);
  const [, high, low] = /^::ffff:([\da-f]{1,4}):([\da-f]{1,4})$/.exec(short) ?? [];
  if (high === undefined || low === undefined) return short;
  const bytes = [high, low].flatMap((group) => [Number.parseInt(group, 16) >> 8, Number.parseInt(group, 16) & 0xff]);
  return `::ffff:${bytes.join(".")}`;
}
