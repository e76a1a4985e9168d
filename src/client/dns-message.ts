/**
 * Messages of DNS: a question as bytes, and the records of an answer as text.
 *
 *     header (12 bytes) | question | answers | authorities | additionals        only the first three are read
 *
 * Every length and pointer comes from the network, so each is checked. Source: RFC 1035, sections 3 and 4.
 */

/** Record types that can be asked for, with their numbers (RFC 1035, 3596, 2782, 3403, 8659). */
export const RECORD_TYPES = {
  A: 1,
  NS: 2,
  CNAME: 5,
  SOA: 6,
  PTR: 12,
  MX: 15,
  TXT: 16,
  AAAA: 28,
  SRV: 33,
  NAPTR: 35,
  CAA: 257,
} as const;

export type RecordType = keyof typeof RECORD_TYPES;

/** What is asked. The name is ASCII, without a trailing dot. */
export interface Question {
  readonly name: string;
  readonly type: RecordType;
}

/** One record that answers the question, with its data as text. */
export interface DnsRecord {
  readonly text: string;
  readonly ttlMs: number;
}

/** An answer to a question. */
export interface DnsResponse {
  /** The response code: RFC 1035, section 4.1.1. */
  readonly code: number;
  /** It was too long for UDP. */
  readonly isTruncated: boolean;
  /** The server has no answer and does not look for one: it is no name server for this machine. */
  readonly isReferral: boolean;
  /** The records of the type that was asked for, of the name itself or of the name that it is an alias of. */
  readonly records: readonly DnsRecord[];
}

export const NO_ERROR = 0;
export const NAME_ERROR = 3;

const HEADER_BYTES = 12;
const CLASS_IN = 1;
const RECURSION_DESIRED = 0x0100;
const IS_RESPONSE = 0x8000;
const IS_AUTHORITATIVE = 0x0400;
const IS_TRUNCATED = 0x0200;
const RECURSION_AVAILABLE = 0x0080;
const MAX_NAME_BYTES = 255;
const MAX_LABEL_BYTES = 63;

/**
 * More records of one answer are not read. So many A records with compressed names fill a message of TCP: the longest answer
 * about instances is read to its end.
 */
const MAX_RECORDS = 4_096;

/** Labels and pointers of the names of one answer that are read: thousands of long names would block the event loop. */
const MAX_STEPS = 65_536;

/** Aliases that are followed. */
const MAX_ALIASES = 16;

/** The query for a question; `undefined` when the name is too long, or has an empty label. */
export function encodeQuery(id: number, { name, type }: Question): Buffer | undefined {
  const labels = name === "" ? [] : name.split(".");
  if (labels.some((label) => label.length === 0 || label.length > MAX_LABEL_BYTES)) return undefined;
  const encoded = labels.map((label) => Buffer.from(`${String.fromCharCode(label.length)}${label}`, "latin1"));
  const question = Buffer.concat([...encoded, Buffer.alloc(5)]);
  if (question.length - 4 > MAX_NAME_BYTES) return undefined;
  question.writeUInt16BE(RECORD_TYPES[type], question.length - 4);
  question.writeUInt16BE(CLASS_IN, question.length - 2);
  const header = Buffer.alloc(HEADER_BYTES);
  header.writeUInt16BE(id, 0);
  header.writeUInt16BE(RECURSION_DESIRED, 2);
  header.writeUInt16BE(1, 4);
  return Buffer.concat([header, question]);
}

/**
 * The answer in a message; `undefined` for a message that does not answer the query: a forged or a late one.
 * @throws RangeError for a message that answers the query, but is not valid
 */
export function decodeResponse(message: Buffer, query: Buffer, { name, type }: Question): DnsResponse | undefined {
  if (!answers(message, query)) return undefined;
  const flags = message.readUInt16BE(2);
  const code = flags & 0xf;
  const isTruncated = (flags & IS_TRUNCATED) !== 0;
  const records = isTruncated ? [] : readRecords(message, query.length);
  const isServed = (flags & (IS_AUTHORITATIVE | RECURSION_AVAILABLE)) !== 0;
  return {
    code,
    isTruncated,
    isReferral: code === NO_ERROR && records.length === 0 && !isTruncated && !isServed,
    records: recordsOf(records, { name: name.toLowerCase(), type }).map(({ data, ttlMs }) => ({
      text: textOf(type, message, data),
      ttlMs,
    })),
  };
}

/** Whether a message has the id and the question of a query. Servers may change the case of a name. */
function answers(message: Buffer, query: Buffer): boolean {
  if (message.length < query.length || message.readUInt16BE(0) !== query.readUInt16BE(0)) return false;
  if ((message.readUInt16BE(2) & IS_RESPONSE) === 0 || message.readUInt16BE(4) !== 1) return false;
  const asked = query.toString("latin1", HEADER_BYTES).toLowerCase();
  return message.toString("latin1", HEADER_BYTES, query.length).toLowerCase() === asked;
}

/** A record as it stands in a message. */
interface RawRecord {
  readonly owner: string;
  readonly type: number;
  readonly ttlMs: number;
  /** Where its data is in the message. */
  readonly data: { readonly start: number; readonly end: number };
  /** The name in the data of a CNAME. */
  readonly alias: string | undefined;
}

function readRecords(message: Buffer, start: number): readonly RawRecord[] {
  const count = Math.min(message.readUInt16BE(6), MAX_RECORDS);
  const records: RawRecord[] = [];
  const budget = { steps: MAX_STEPS };
  let at = start;
  for (let index = 0; index < count; index += 1) {
    const owner = readName(message, at, budget);
    at = owner.end;
    const type = message.readUInt16BE(at);
    const isInternet = message.readUInt16BE(at + 2) === CLASS_IN;
    const ttlMs = Math.max(0, message.readInt32BE(at + 4)) * 1_000; // RFC 2181, section 8
    const data = { start: at + 10, end: at + 10 + message.readUInt16BE(at + 8) };
    if (data.end > message.length) throw new RangeError("a record is longer than its message");
    at = data.end;
    const alias = type === RECORD_TYPES.CNAME ? readName(message, data.start, budget).text.toLowerCase() : undefined;
    if (isInternet) records.push({ owner: owner.text.toLowerCase(), type, ttlMs, data, alias });
  }
  return records;
}

/** The records of a type: of the name, or of the end of the chain of aliases that begins at it. */
function recordsOf(records: readonly RawRecord[], { name, type }: Question): readonly RawRecord[] {
  let owner = name;
  for (let hops = 0; hops <= MAX_ALIASES; hops += 1) {
    const own = records.filter((record) => record.owner === owner);
    const wanted = own.filter((record) => record.type === RECORD_TYPES[type]);
    const alias = own.find((record) => record.alias !== undefined)?.alias;
    if (wanted.length > 0 || alias === undefined) return wanted;
    owner = alias;
  }
  return [];
}

/** Reads a name, which may end with a pointer to an earlier one (RFC 1035, section 4.1.4). */
function readName(
  message: Buffer,
  start: number,
  budget = { steps: MAX_STEPS },
): { readonly text: string; readonly end: number } {
  const labels: string[] = [];
  let at = start;
  let end: number | undefined;
  let bytes = 1;
  // a pointer must point to an earlier place, so that no loop is possible
  for (let earliest = start; ; ) {
    const length = message.readUInt8(at);
    budget.steps -= 1;
    if (budget.steps < 0) throw new RangeError("the names of an answer are too long");
    if (length >= 0xc0) {
      end ??= at + 2;
      at = message.readUInt16BE(at) & 0x3fff;
      if (at >= earliest) throw new RangeError("a name has a pointer that does not point back");
      earliest = at;
      continue;
    }
    if (length > MAX_LABEL_BYTES) throw new RangeError("a label is too long");
    at += 1;
    if (length === 0) return { text: labels.join("."), end: end ?? at };
    bytes += length + 1;
    if (bytes > MAX_NAME_BYTES || at + length > message.length) throw new RangeError("a name is too long");
    labels.push(escapeLabel(message.toString("latin1", at, at + length)));
    at += length;
  }
}

/** A label as in a zone file (RFC 1035, section 5.1). */
function escapeLabel(label: string): string {
  return label.replace(/[.\\]|[^\x21-\x7e]/g, (character) =>
    character === "." || character === "\\"
      ? `\\${character}`
      : `\\${String(character.charCodeAt(0)).padStart(3, "0")}`,
  );
}

/** The data of a record as text, in the form of a zone file. Names have no trailing dot. */
function textOf(type: RecordType, message: Buffer, { start, end }: RawRecord["data"]): string {
  const bytes = message.subarray(start, end);
  // names may point to earlier parts of the message
  const nameAt = (offset: number) => shownName(readName(message, start + offset));
  switch (type) {
    case "A":
      if (bytes.length !== 4) throw new RangeError("an A record does not have 4 bytes");
      return bytes.join(".");
    case "AAAA":
      return ipv6Text(bytes);
    case "CNAME":
    case "NS":
    case "PTR":
      return nameAt(0);
    case "MX":
      return `${bytes.readUInt16BE(0)} ${nameAt(2)}`;
    case "TXT":
      return Buffer.concat(stringsOf(bytes)).toString("utf8"); // a character may begin in one string and end in the next
    case "SRV":
      return `${[0, 2, 4].map((at) => bytes.readUInt16BE(at)).join(" ")} ${nameAt(6)}`;
    case "CAA":
      return `${bytes.readUInt8(0)} ${caaText(bytes.subarray(1))}`;
    case "SOA":
      return soaText(message, start);
    case "NAPTR":
      return naptrText(message, start, end);
    default:
      return type satisfies never;
  }
}

/** The root is a dot: an MX or SRV record with it says that there is no such service (RFC 7505, RFC 2782). */
function shownName({ text }: { readonly text: string }): string {
  return text === "" ? "." : text;
}

function ipv6Text(bytes: Buffer): string {
  if (bytes.length !== 16) throw new RangeError("an AAAA record does not have 16 bytes");
  const groups = bytes.toString("hex").replace(/(.{4})(?!$)/g, "$1:");
  return new URL(`http://[${groups}]`).hostname.slice(1, -1); // the form of RFC 5952
}

/** Strings with a length each. */
function stringsOf(bytes: Buffer): readonly Buffer[] {
  const strings: Buffer[] = [];
  for (let at = 0; at < bytes.length; ) {
    const end = at + 1 + bytes.readUInt8(at);
    if (end > bytes.length) throw new RangeError("a text is longer than its record");
    strings.push(bytes.subarray(at + 1, end));
    at = end;
  }
  return strings;
}

/** RFC 8659, section 4.1. */
function caaText(bytes: Buffer): string {
  const end = 1 + bytes.readUInt8(0);
  if (end > bytes.length) throw new RangeError("the tag of a CAA record is longer than the record");
  return `${bytes.toString("latin1", 1, end)} "${bytes.toString("utf8", end)}"`;
}

function soaText(message: Buffer, start: number): string {
  const primary = readName(message, start);
  const mailbox = readName(message, primary.end);
  const numbers = [0, 4, 8, 12, 16].map((at) => message.readUInt32BE(mailbox.end + at));
  return [shownName(primary), shownName(mailbox), ...numbers].join(" ");
}

/** RFC 3403, section 4.1. */
function naptrText(message: Buffer, start: number, end: number): string {
  let at = start + 4;
  const strings: string[] = [];
  for (let index = 0; index < 3; index += 1) {
    const next = at + 1 + message.readUInt8(at);
    if (next > end) throw new RangeError("a text is longer than its record");
    strings.push(`"${message.toString("utf8", at + 1, next)}"`);
    at = next;
  }
  const [order, preference] = [message.readUInt16BE(start), message.readUInt16BE(start + 2)];
  return [order, preference, ...strings, shownName(readName(message, at))].join(" ");
}
