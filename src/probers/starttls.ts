/**
 * How each protocol starts TLS on a connection in clear text: what is sent, and what must come before the handshake.
 *
 *     smtp, ftp   <- 220   -> EHLO, STARTTLS | AUTH TLS   <- 220 | 234        RFC 3207, RFC 4217
 *     imap, pop3  <- OK    -> STARTTLS | STLS             <- OK               RFC 9051, RFC 2595
 *     postgres             -> SSLRequest                  <- "S"              PostgreSQL's manual, "SSL Session Encryption"
 *     mysql       <- greeting with CLIENT_SSL  -> SSLRequest                  MySQL's manual, "Connection Phase"
 *     ldap                 -> StartTLS (extended request) <- resultCode 0     RFC 4511, section 4.14
 *
 * Each function gets what has been read and not used. It returns where the expected part ends, `undefined` while that is
 * not there, or a failure.
 */
import type { Turn } from "./dialogue.js";
import { fail, type ProbeResult } from "./prober.js";

type Found = number | ProbeResult | undefined;

type Exchange = readonly Omit<Turn, "name">[];

/** The protocols in which a server can be asked for TLS. */
export const START_TLS_PROTOCOLS = ["smtp", "imap", "pop3", "ftp", "postgres", "mysql", "ldap"] as const;

export type StartTlsProtocol = (typeof START_TLS_PROTOCOLS)[number];

const CRLF = "\r\n";

/** Limit of what may come before the answer: replies 1xx of FTP, untagged lines of IMAP. Each read goes through all of them. */
const MAX_BEFORE_ANSWER = 50;

/**
 * Waits for a reply with a code (RFC 5321, section 4.2.1, and RFC 959, section 4.2): `220-text` lines, then `220 text`.
 * After a reply of 1xx another one follows.
 */
function reply(code: string): Pick<Turn, "find" | "expected"> {
  const find = (bytes: Buffer): Found => {
    let start = 0;
    for (let count = 0; count < MAX_BEFORE_ANSWER; count += 1) {
      const rest = bytes.toString("latin1", start);
      if (!/^(?:\d{3}(?:[ \r\n-]|$)|\d{0,2}$)/.test(rest)) return notTheProtocol(rest);
      const end = endOfReply(rest);
      if (end === undefined) return undefined;
      const text = bytes.toString("utf8", start, start + end);
      start += end;
      if (text.startsWith(code)) return start;
      // 4xx: the server cannot do it now
      if (!text.startsWith("1")) return fail(text.startsWith("4") ? "unavailable" : "answer", shownLine(text));
    }
    return notTheProtocol("");
  };
  return { find, expected: `a reply ${code}` };
}

/** Where the first reply ends: after its last line, which has a space or nothing behind the code. */
function endOfReply(text: string): number | undefined {
  const end = text.indexOf("\n");
  if (end === -1) return undefined;
  if (!/^\d{3}-/.test(text)) return end + 1;
  const last = new RegExp(`\\n${text.slice(0, 3)}(?: [^\\n]*)?\\r?\\n`).exec(text);
  return last === null ? undefined : last.index + last[0].length;
}

/** Waits for a line, and evaluates it. `skip`: lines before it that are not meant. */
function line(
  expected: string,
  evaluate: (text: string) => ProbeResult | undefined,
  skip?: RegExp,
): Pick<Turn, "find" | "expected"> {
  const find = (bytes: Buffer): Found => {
    let start = 0;
    for (let count = 0; count < MAX_BEFORE_ANSWER; count += 1) {
      const end = bytes.indexOf(CRLF, start);
      if (end === -1) return undefined;
      const text = bytes.toString("utf8", start, end);
      start = end + CRLF.length;
      if (skip?.test(text) !== true) return evaluate(text) ?? start;
    }
    return notTheProtocol("");
  };
  return { find, expected };
}

const IMAP_BYE = /^\* BYE\b/i;

function judgeImapGreeting(text: string): ProbeResult | undefined {
  if (/^\* OK\b/i.test(text)) return undefined;
  if (IMAP_BYE.test(text)) return fail("unavailable", shownLine(text));
  return /^\* PREAUTH\b/i.test(text) ? fail("answer", shownLine(text)) : notTheProtocol(text);
}

function judgeImapAnswer(text: string): ProbeResult | undefined {
  if (/^hb OK\b/i.test(text)) return undefined;
  if (IMAP_BYE.test(text)) return fail("unavailable", shownLine(text));
  return /^hb (?:NO|BAD)\b/i.test(text) ? fail("answer", shownLine(text)) : notTheProtocol(text);
}

function judgePop3(text: string): ProbeResult | undefined {
  if (/^\+OK(?: |$)/.test(text)) return undefined;
  return text.startsWith("-ERR") ? fail("answer", shownLine(text)) : notTheProtocol(text);
}

/** Length 8 and the code 80877103, as a startup message with an impossible version. */
const POSTGRES_SSL_REQUEST = Buffer.from("0000000804d2162f", "hex");

function findPostgresAnswer(bytes: Buffer): Found {
  const [first] = bytes.toString("latin1", 0, 1);
  if (first === undefined) return undefined;
  if (first === "S") return 1;
  if (first === "N") return fail("answer", "the server offers no TLS");
  if (first !== "E") return notTheProtocol(first);
  // an ErrorResponse: the server can't serve this connection. Its texts end with NUL
  return bytes.length < 6 || bytes.at(-1) !== 0 ? undefined : fail("unavailable", shownLine(postgresMessage(bytes)));
}

/** The field M of an ErrorResponse; of the older one, which has no length and no fields, the text behind the `E`. */
function postgresMessage(bytes: Buffer): string {
  const text = bytes.toString("utf8", 1);
  const [, message] = /\0M([^\0]*)\0/.exec(text) ?? [];
  return message ?? text.replaceAll("\0", " ");
}

const CLIENT_SSL = 0x800;
/** CLIENT_PROTOCOL_41, CLIENT_SSL, CLIENT_SECURE_CONNECTION and CLIENT_PLUGIN_AUTH. */
const MYSQL_CAPABILITIES = 0x200 | CLIENT_SSL | 0x8000 | 0x80000;
const MYSQL_HEAD_BYTES = 4;
const MAX_GREETING_BYTES = 4_096;
/** Too many connections, host blocked, too many connections of the user, shutdown in progress. */
const MYSQL_UNAVAILABLE: ReadonlySet<number> = new Set([1040, 1129, 1203, 1053]);

/** The packet 1: 32 bytes with the capabilities, the largest packet, the character set and 23 zeros. */
function mysqlSslRequest(): Buffer {
  const packet = Buffer.alloc(MYSQL_HEAD_BYTES + 32);
  packet.writeUIntLE(32, 0, 3);
  packet.writeUInt8(1, 3);
  packet.writeUInt32LE(MYSQL_CAPABILITIES, 4);
  packet.writeUInt32LE(0x0100_0000, 8);
  packet.writeUInt8(45, 12); // utf8mb4
  return packet;
}

function findMysqlGreeting(bytes: Buffer): Found {
  if (bytes.length <= MYSQL_HEAD_BYTES) return undefined;
  const end = MYSQL_HEAD_BYTES + bytes.readUIntLE(0, 3);
  const version = bytes[MYSQL_HEAD_BYTES];
  if (end > MAX_GREETING_BYTES || bytes[3] !== 0 || (version !== 10 && version !== 0xff))
    return notTheProtocol(bytes.toString("utf8", MYSQL_HEAD_BYTES));
  if (bytes.length < end) return undefined;
  if (version === 0xff) return mysqlError(bytes.subarray(MYSQL_HEAD_BYTES, end));
  // version, text up to NUL, connection id (4), 8 bytes of the challenge, a filler, the lower capabilities (2)
  const at = bytes.indexOf(0, MYSQL_HEAD_BYTES + 1) + 14;
  if (at < 14 || at + 2 > end) return notTheProtocol("");
  return (bytes.readUInt16LE(at) & CLIENT_SSL) === 0 ? fail("answer", "the server offers no TLS") : end;
}

function mysqlError(packet: Buffer): ProbeResult {
  if (packet.length < 3) return notTheProtocol("");
  const code = packet.readUInt16LE(1);
  return fail(
    MYSQL_UNAVAILABLE.has(code) ? "unavailable" : "answer",
    `${code} ${shownLine(packet.toString("utf8", 3))}`,
  );
}

/** LDAPMessage 1, ExtendedRequest [APPLICATION 23] with the requestName 1.3.6.1.4.1.1466.20037. */
const LDAP_START_TLS = Buffer.from("\x30\x1d\x02\x01\x01\x77\x18\x80\x161.3.6.1.4.1.1466.20037", "latin1");

const LDAP_EXTENDED_RESPONSE = 0x78;
/** Result codes 51, busy, and 52, unavailable (RFC 4511, appendix A). */
const LDAP_UNAVAILABLE: ReadonlySet<number> = new Set([51, 52]);

function findLdapAnswer(bytes: Buffer): Found {
  const message = readBer(bytes, 0);
  if (message === undefined) return undefined;
  if (message === "malformed" || message.tag !== 0x30) return notTheProtocol("");
  if (bytes.length < message.end) return undefined;
  const body = bytes.subarray(0, message.end);
  const id = berInside(body, message.start);
  const response = berInside(body, id?.end);
  const result = berInside(body, response?.start);
  const matched = berInside(body, result?.end);
  const diagnostic = berInside(body, matched?.end);
  if (response?.tag !== LDAP_EXTENDED_RESPONSE || result?.tag !== 0x0a || result.end - result.start !== 1)
    return notTheProtocol("");
  const code = body[result.start] ?? 0;
  if (code === 0) return message.end;
  const text = diagnostic === undefined ? "" : body.toString("utf8", diagnostic.start, diagnostic.end);
  return fail(LDAP_UNAVAILABLE.has(code) ? "unavailable" : "answer", `result code ${code} ${shownLine(text)}`);
}

/** One element of BER (ITU-T X.690, section 8.1): a tag, a length, and a content from `start` to `end`. */
interface BerElement {
  readonly tag: number;
  readonly start: number;
  readonly end: number;
}

/** The head of the element at a place; `undefined` while it is not complete. Lengths have up to 4 bytes. */
function readBer(bytes: Buffer, at: number): BerElement | "malformed" | undefined {
  const [tag, first] = [bytes[at], bytes[at + 1]];
  if (tag === undefined || first === undefined) return undefined;
  if (first < 0x80) return { tag, start: at + 2, end: at + 2 + first };
  const count = first & 0x7f;
  if (count < 1 || count > 4) return "malformed";
  if (bytes.length < at + 2 + count) return undefined;
  const start = at + 2 + count;
  return { tag, start, end: start + bytes.readUIntBE(at + 2, count) };
}

/** A whole element inside of complete bytes; `undefined` where there is none. */
function berInside(bytes: Buffer, at: number | undefined): BerElement | undefined {
  const element = at === undefined ? undefined : readBer(bytes, at);
  return element === undefined || element === "malformed" || element.end > bytes.length ? undefined : element;
}

function notTheProtocol(text: string): ProbeResult {
  return fail("protocol", `the target does not speak the protocol${text === "" ? "" : `; it sent ${shownLine(text)}`}`);
}

function shownLine(text: string): string {
  return JSON.stringify(text.trim());
}

/** What happens before the handshake, by protocol. The name of an SMTP client is one that never exists (RFC 2606). */
export const START_TLS: Readonly<Record<StartTlsProtocol, Exchange>> = {
  smtp: [
    reply("220"),
    { send: Buffer.from("EHLO healthbridge.invalid\r\n"), ...reply("250") },
    { send: Buffer.from("STARTTLS\r\n"), ...reply("220") },
  ],
  imap: [
    line("the greeting", judgeImapGreeting),
    { send: Buffer.from("hb STARTTLS\r\n"), ...line("OK", judgeImapAnswer, /^\* (?!BYE\b)/i) },
  ],
  pop3: [line("the greeting", judgePop3), { send: Buffer.from("STLS\r\n"), ...line("+OK", judgePop3) }],
  ftp: [reply("220"), { send: Buffer.from("AUTH TLS\r\n"), ...reply("234") }],
  postgres: [{ send: POSTGRES_SSL_REQUEST, find: findPostgresAnswer, expected: "S" }],
  mysql: [{ find: findMysqlGreeting, expected: "the greeting" }, { send: mysqlSslRequest() }],
  ldap: [{ send: LDAP_START_TLS, find: findLdapAnswer, expected: "an extended response" }],
};
