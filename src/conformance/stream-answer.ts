/**
 * What a server has sent on one stream: head, messages, trailers or a reset.
 *
 * Nothing is judged here. An answer that breaks the protocol is kept as it came, and the row that it breaks says so.
 */
import { printable } from "../core/printable.js";
import type { WatchStatus } from "../core/serving-status.js";
import { GRPC_CODES, type GrpcCode, grpcCodeOf } from "../wire/grpc-code.js";
import { readHealthCheckResponse } from "../wire/health-messages.js";
import { ConnectionError } from "../wire/http2/frames.js";

/** One length-prefixed message, with its Compressed-Flag. */
export interface AnswerMessage {
  readonly flag: number;
  readonly bytes: Buffer;
}

/** A header list, in the order of the server. */
export type AnswerFields = readonly (readonly [name: string, value: string])[];

const PREFIX_BYTES = 5;

/** More than any row asks for. A server can make healthbridge store so many messages of a stream. */
const MAX_MESSAGES = 1_000;

/** A message that is longer is not read as a status: it would be a load. */
const MAX_STATUS_BYTES = 16_384;

/** Characters of a foreign text that a report shows. */
const MAX_SHOWN = 200;

export class StreamAnswer {
  /** The first header block that is not interim (1xx). */
  head: AnswerFields | undefined;
  trailers: AnswerFields | undefined;
  readonly messages: AnswerMessage[] = [];
  /** The octets of all DATA frames, with the prefixes of messages. */
  dataBytes = 0;
  /** The error code of RST_STREAM. */
  reset: string | undefined;
  hasEnded = false;
  /** END_STREAM stood on DATA, so there are no trailers. */
  endedByData = false;
  /** Of a message that is not whole. They are joined once: joining them for each frame would take quadratic time. */
  #parts: Buffer[] = [];
  #partBytes = 0;
  /** So many bytes are needed for the next message, as far as is known. */
  #needed = PREFIX_BYTES;

  receiveHeaders(fields: AnswerFields, endsStream: boolean): void {
    if (this.head === undefined) {
      if (!/^1\d\d$/.test(fieldValue(fields, ":status") ?? "")) this.head = fields;
    } else this.trailers ??= fields;
    this.hasEnded ||= endsStream;
  }

  /** @throws ConnectionError for more messages than any call needs */
  receiveData(bytes: Buffer, endsStream: boolean): void {
    this.dataBytes += bytes.length;
    this.#parts.push(bytes);
    this.#partBytes += bytes.length;
    if (this.#partBytes >= this.#needed) this.#cutMessages(Buffer.concat(this.#parts));
    if (endsStream) this.endedByData = true;
    this.hasEnded ||= endsStream;
  }

  #cutMessages(bytes: Buffer): void {
    let rest = bytes;
    const needed = () => PREFIX_BYTES + (rest.length < PREFIX_BYTES ? 0 : rest.readUInt32BE(1));
    while (rest.length >= PREFIX_BYTES && rest.length >= needed()) {
      const end = needed();
      if (this.messages.length === MAX_MESSAGES)
        throw new ConnectionError("ENHANCE_YOUR_CALM", "more messages than any call needs");
      this.messages.push({ flag: rest[0] ?? 0, bytes: rest.subarray(PREFIX_BYTES, end) });
      rest = rest.subarray(end);
    }
    this.#needed = needed();
    this.#parts = [rest];
    this.#partBytes = rest.length;
  }

  receiveReset(code: string): void {
    this.reset ??= code;
    this.hasEnded = true;
  }

  /** A field of the trailers, or of the head where it is all (Trailers-Only). */
  trailer(name: string): string | undefined {
    return fieldValue(this.trailers ?? (this.hasEnded ? (this.head ?? []) : []), name);
  }

  field(name: string): string | undefined {
    return fieldValue(this.head ?? [], name);
  }

  /** The name of `grpc-status`; `undefined` without one, or for a text that is not a number. */
  get code(): GrpcCode | undefined {
    const text = this.trailer("grpc-status");
    if (text === undefined || !/^\d+$/.test(text)) return undefined;
    return Number(text) in Object.values(GRPC_CODES) ? grpcCodeOf(Number(text)) : undefined;
  }

  get isOk(): boolean {
    return this.code === "OK";
  }

  /** Whether the call was refused: by a status, an HTTP status, or a reset. */
  get isRefused(): boolean {
    if (!this.hasEnded || this.isOk) return false;
    return this.code !== undefined || this.reset !== undefined || this.field(":status") !== "200";
  }

  /** The statuses of the messages; `undefined` for bytes that are no HealthCheckResponse with a status of the proto. */
  get statuses(): readonly (WatchStatus | undefined)[] {
    return this.messages.map(({ flag, bytes }) =>
      flag === 0 && bytes.length <= MAX_STATUS_BYTES ? readHealthCheckResponse(bytes) : undefined,
    );
  }

  /** In a few words, safe to print. */
  describe(): string {
    const parts: string[] = [];
    const status = this.field(":status");
    if (status !== undefined && status !== "200") parts.push(`HTTP status ${status}`);
    if (this.messages.length > 0) parts.push(this.#messagesText());
    else if (this.dataBytes > 0) parts.push(`${this.dataBytes} octets that are not a whole message`);
    if (this.hasEnded) parts.push(this.#endText());
    else parts.push(parts.length === 0 && this.head === undefined ? "no answer" : "the stream is still open");
    return shown(parts.join(", "));
  }

  #messagesText(): string {
    const words = this.statuses.map((status, index) => status ?? `an unreadable message (${this.#hexOf(index)})`);
    const more = words.length - 10;
    return `${words.slice(0, 10).join(", ")}${more > 0 ? ` and ${more} more messages` : ""}`;
  }

  #hexOf(index: number): string {
    const message = this.messages[index];
    return `flag ${message?.flag}, ${message?.bytes.subarray(0, 16).toString("hex") || "0 bytes"}`;
  }

  #endText(): string {
    if (this.reset !== undefined && this.code === undefined) return `RST_STREAM ${this.reset}`;
    const number = this.trailer("grpc-status");
    if (number === undefined) return this.endedByData ? "END_STREAM on DATA, no trailers" : "no grpc-status";
    const text = percentDecoded(this.trailer("grpc-message") ?? "");
    return `grpc-status ${number}${this.code === undefined ? "" : ` ${this.code}`}${text === "" ? "" : ` "${text}"`}`;
  }
}

/** Invalid encodings are kept as they are. */
function percentDecoded(text: string): string {
  return text.replace(/(?:%[0-9a-f]{2})+/gi, (codes) => Buffer.from(codes.replaceAll("%", ""), "hex").toString("utf8"));
}

/** A text of the server, cut and safe to print. */
export function shown(text: string): string {
  const safe = printable(text);
  return safe.length > MAX_SHOWN ? `${safe.slice(0, MAX_SHOWN)} ...` : safe;
}

/** The value of a field; those of a repeated one are joined. */
export function fieldValue(fields: AnswerFields, name: string): string | undefined {
  const values = fields.filter(([field]) => field === name).map(([, value]) => value);
  return values.length === 0 ? undefined : values.join(", ");
}
