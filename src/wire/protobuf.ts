/**
 * The part of protobuf's wire format that the messages of health and reflection need: read strictly, and written.
 *
 * A field that cannot be read in full makes the whole message unreadable: protobufjs turns a truncated request into
 * one for the overall status, which is then answered SERVING (docs/known-faults.md 0.4). Unknown fields are skipped, as
 * proto3 demands.
 *
 * Source: protobuf.dev/programming-guides/encoding.
 */
import { isUtf8 } from "node:buffer";

/** A field, as offsets into the message. */
export interface Field {
  readonly number: number;
  readonly wireType: number;
  /** The first byte of a length-delimited field's content, or of another field's value. */
  readonly start: number;
  readonly end: number;
}

/** Wire type of strings, bytes and messages. */
export const LENGTH_DELIMITED = 2;
/** Wire type of integers and enums. */
export const VARINT = 0;

const FIXED_64 = 1;
const START_GROUP = 3;
const FIXED_32 = 5;
const MAX_VARINT_BYTES = 10;
const MAX_FIELD_NUMBER = 2 ** 29 - 1;
const MAX_GROUP_DEPTH = 16;

/** The fields of a message in order; `undefined` when the bytes are not a message. */
export function readFields(bytes: Uint8Array): readonly Field[] | undefined {
  const fields: Field[] = [];
  let offset = 0;
  while (offset < bytes.length) {
    const field = readField(bytes, offset);
    if (field === undefined) return undefined;
    fields.push(field);
    offset = field.end;
  }
  return fields;
}

/** The text of a length-delimited field; `undefined` when it is not valid UTF-8. A byte order mark is a part of the text. */
export function readString(bytes: Uint8Array, { start, end }: Field): string | undefined {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start);
  return isUtf8(text) ? text.toString() : undefined;
}

/** Reads a varint. Values above 2^53 lose precision, which no caller of ours minds. */
export function readVarint(
  bytes: Uint8Array,
  offset: number,
): { readonly value: number; readonly end: number } | undefined {
  let value = 0;
  for (let index = 0; index < MAX_VARINT_BYTES; index += 1) {
    const byte = bytes[offset + index];
    if (byte === undefined) return undefined;
    value += (byte & 0x7f) * 2 ** (7 * index);
    if (byte < 0x80) return { value, end: offset + index + 1 };
  }
  return undefined;
}

/** A length-delimited field: a string, bytes, or a message. */
export function lengthDelimited(fieldNumber: number, content: Uint8Array): Buffer {
  return Buffer.concat([lengthDelimitedHead(fieldNumber, content.length), content]);
}

/** Tag and length of a length-delimited field. */
export function lengthDelimitedHead(fieldNumber: number, length: number): Buffer {
  const tag = fieldNumber * 8 + LENGTH_DELIMITED;
  // the usual case has a short way: List writes two heads for each service
  return Buffer.from(tag < 0x80 && length < 0x80 ? [tag, length] : [...varint(tag), ...varint(length)]);
}

/** The bytes of a varint: a whole number, at least 0 and below 2^53. */
export function varint(value: number): readonly number[] {
  const bytes: number[] = [];
  let rest = value;
  for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) bytes.push((rest % 0x80) | 0x80);
  bytes.push(rest);
  return bytes;
}

/** The field at an offset; `undefined` when the bytes there are not a field. `depth` is that of the groups around it. */
export function readField(bytes: Uint8Array, offset: number, depth = 0): Field | undefined {
  const tag = readVarint(bytes, offset);
  if (tag === undefined) return undefined;
  const number = Math.floor(tag.value / 8);
  const wireType = tag.value % 8;
  if (number < 1 || number > MAX_FIELD_NUMBER) return undefined;
  const content = readContent(bytes, tag.end, { number, wireType, depth });
  return content && content.end <= bytes.length ? { number, wireType, ...content } : undefined;
}

function readContent(
  bytes: Uint8Array,
  offset: number,
  tag: { readonly number: number; readonly wireType: number; readonly depth: number },
): { readonly start: number; readonly end: number } | undefined {
  switch (tag.wireType) {
    case VARINT: {
      const varint = readVarint(bytes, offset);
      return varint && { start: offset, end: varint.end };
    }
    case FIXED_64:
      return { start: offset, end: offset + 8 };
    case FIXED_32:
      return { start: offset, end: offset + 4 };
    case LENGTH_DELIMITED: {
      const length = readVarint(bytes, offset);
      return length && { start: length.end, end: length.end + length.value };
    }
    case START_GROUP:
      return tag.depth < MAX_GROUP_DEPTH ? readGroup(bytes, offset, tag.number, tag.depth) : undefined;
    default:
      return undefined; // an end of group that nothing opened, or one of the two unused types
  }
}

/** Reads the fields of a group up to the end tag that bears its number. */
function readGroup(
  bytes: Uint8Array,
  start: number,
  number: number,
  depth: number,
): { readonly start: number; readonly end: number } | undefined {
  const endTag = number * 8 + 4;
  let offset = start;
  while (offset < bytes.length) {
    const tag = readVarint(bytes, offset);
    if (tag?.value === endTag) return { start, end: tag.end };
    const field = readField(bytes, offset, depth + 1);
    if (field === undefined) return undefined;
    offset = field.end;
  }
  return undefined;
}
