/**
 * The form of the journal: one line for each record, readable by people, with a length and a checksum.
 *
 *     61 8d3c1f02 {"type":"heartbeat","key":"backup","value":{"report":"pass","at":1767225600000}}
 *     |  '-- CRC-32 of the JSON
 *     '-- bytes of the JSON
 *
 * A record without a value removes its key. A write that a crash has cut leaves a line without its end: a *torn* tail,
 * which is no error. Any other line that is not as it was written is *damaged*: it is skipped, and the others count.
 */
import { crc32 } from "node:zlib";

export interface JournalRecord {
  readonly type: string;
  readonly key: string;
  /** Any JSON value; `undefined` removes the key. */
  readonly value: unknown;
}

export interface JournalText {
  /** In the order in which they were written. */
  readonly records: readonly JournalRecord[];
  readonly damagedLines: number;
  readonly tornBytes: number;
}

const LINE_FEED = 0x0a;

/** `LENGTH CRC32 JSON`, without the line feed. */
const LINE = /^(\d{1,8}) ([0-9a-f]{8}) (\{.*\})$/s;

export function encodeRecord({ type, key, value }: JournalRecord): string {
  const json = JSON.stringify({ type, key, value });
  return `${Buffer.byteLength(json)} ${checksumOf(json)} ${json}\n`;
}

export function decodeJournal(bytes: Buffer): JournalText {
  const records: JournalRecord[] = [];
  let damagedLines = 0;
  let start = 0;
  for (let end = bytes.indexOf(LINE_FEED); end !== -1; end = bytes.indexOf(LINE_FEED, start)) {
    const line = bytes.subarray(start, end);
    start = end + 1;
    if (line.length === 0) continue; // written after a write that has failed
    const record = decodeLine(line);
    if (record === undefined) damagedLines += 1;
    else records.push(record);
  }
  return { records, damagedLines, tornBytes: bytes.length - start };
}

function decodeLine(line: Buffer): JournalRecord | undefined {
  const [, length, checksum, json = ""] = LINE.exec(line.toString("utf8")) ?? [];
  if (Number(length) !== Buffer.byteLength(json) || checksum !== checksumOf(json)) return undefined;
  try {
    const { type, key, value } = JSON.parse(json);
    return typeof type === "string" && typeof key === "string" ? { type, key, value } : undefined;
  } catch {
    return undefined;
  }
}

function checksumOf(json: string): string {
  return crc32(json).toString(16).padStart(8, "0");
}
