/**
 * Reads the names of a client from the bytes of its certificate.
 *
 *     Certificate > TBSCertificate > [3] Extensions > subjectAltName > GeneralName [2] dNSName, [6] URI
 *                                                   > basicConstraints, keyUsage
 *
 * The bytes are read, and not Node's text of all names: in a text, a name with a comma could pass for two names
 * (CVE-2021-44532). OpenSSL has verified the certificate before; what this reader does not expect, it refuses.
 * Source: RFC 5280, sections 4.1 and 4.2.1; X.690, section 8.1.
 */
import type { ClientNames } from "../core/allowed-clients.js";

/** Tags of the values that are read: X.690, section 8, and the context-specific ones of RFC 5280. */
const BOOLEAN = 0x01;
const BIT_STRING = 0x03;
const OCTET_STRING = 0x04;
const OBJECT_ID = 0x06;
const SEQUENCE = 0x30;
const EXTENSIONS = 0xa3;
const DNS_NAME = 0x82;
const URI = 0x86;

/** The bits of a first byte that announce further bytes of the tag. */
const LONG_TAG = 0x1f;

/** Object identifiers of extensions, in hexadecimal digits. */
const SUBJECT_ALT_NAME = "551d11";
const BASIC_CONSTRAINTS = "551d13";
const KEY_USAGE = "551d0f";

/** keyCertSign and cRLSign in the first byte of keyUsage. */
const SIGNING_USES = 0x06;

interface DerValue {
  readonly tag: number;
  readonly bytes: Buffer;
}

/**
 * The names of a certificate in DER.
 * @throws Error for bytes that are not a certificate, or that have an extension twice
 */
export function readCertificateNames(der: Buffer): ClientNames {
  const [certificate] = valuesOf(der);
  const [signedPart] = valuesOf(content(certificate, SEQUENCE));
  const wrapper = valuesOf(content(signedPart, SEQUENCE)).find(({ tag }) => tag === EXTENSIONS);
  const extensions = wrapper === undefined ? new Map<string, Buffer>() : readExtensions(wrapper.bytes);
  const alternatives = sequenceIn(extensions.get(SUBJECT_ALT_NAME));
  const namesOf = (wanted: number) =>
    alternatives.filter(({ tag }) => tag === wanted).map(({ bytes }) => bytes.toString("latin1"));
  return {
    dns: namesOf(DNS_NAME),
    uri: namesOf(URI),
    isAuthority: isAuthority(extensions.get(BASIC_CONSTRAINTS)) || maySign(extensions.get(KEY_USAGE)),
  };
}

/** The values of the extensions, by their object identifiers. A certificate must not have one twice (section 4.2). */
function readExtensions(wrapper: Buffer): ReadonlyMap<string, Buffer> {
  const values = new Map<string, Buffer>();
  const [list] = valuesOf(wrapper);
  for (const extension of valuesOf(content(list, SEQUENCE))) {
    const parts = valuesOf(content(extension, SEQUENCE)); // a flag, whether it is critical, may be between the two
    const id = content(parts[0], OBJECT_ID).toString("hex");
    if (values.has(id)) throw new Error(`the extension ${id} is there twice`);
    values.set(id, content(parts.at(-1), OCTET_STRING));
  }
  return values;
}

function isAuthority(constraints: Buffer | undefined): boolean {
  const [first] = sequenceIn(constraints);
  return first?.tag === BOOLEAN && first.bytes[0] !== 0;
}

function maySign(usage: Buffer | undefined): boolean {
  if (usage === undefined) return false;
  const [bits] = valuesOf(usage);
  const [, uses = 0] = content(bits, BIT_STRING); // the first byte counts the bits that the last does not use
  return (uses & SIGNING_USES) !== 0;
}

/** The parts of a SEQUENCE that is the value of an extension; none without the extension. */
function sequenceIn(bytes: Buffer | undefined): readonly DerValue[] {
  if (bytes === undefined) return [];
  const [sequence] = valuesOf(bytes);
  return valuesOf(content(sequence, SEQUENCE));
}

function content(value: DerValue | undefined, tag: number): Buffer {
  if (value?.tag !== tag) throw new Error(`tag ${tag} expected; got ${value?.tag ?? "the end"}`);
  return value.bytes;
}

/** The values that follow each other. */
function valuesOf(bytes: Buffer): readonly DerValue[] {
  const values: DerValue[] = [];
  for (let at = 0; at < bytes.length; ) {
    const { length, from } = lengthAt(bytes, at + 1);
    if (from + length > bytes.length) throw new Error("a value is longer than what it is in");
    const tag = bytes.readUInt8(at);
    if ((tag & LONG_TAG) === LONG_TAG) throw new Error("a tag of more than one byte");
    values.push({ tag, bytes: bytes.subarray(from, from + length) });
    at = from + length;
  }
  return values;
}

/** A length in one byte, or in up to three after a byte that counts them. Where the value begins is `from`. */
function lengthAt(bytes: Buffer, at: number): { readonly length: number; readonly from: number } {
  const first = bytes.readUInt8(at);
  if (first < 0x80) return { length: first, from: at + 1 };
  const count = first - 0x80;
  if (count < 1 || count > 3) throw new Error("a length is not in DER, or too long");
  return { length: bytes.readUIntBE(at + 1, count), from: at + 1 + count };
}
