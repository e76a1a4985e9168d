/**
 * Protobuf messages as tables: one row for each field is both the encoder and the decoder, and gives the TypeScript type.
 *
 *     { name: text(1), status: choice(2, WORDS), drain: message(6, DRAIN) }
 *            encode: values --> bytes        decode: bytes --> values, or `undefined` for bytes that are not the message
 *
 * As in proto3, a value that is its default is not written. A field of `optional(...)` is `undefined` where it is absent.
 * Unknown fields are skipped. A field that cannot be read makes the whole message unreadable, as in `protobuf`.
 */
import {
  type Field,
  LENGTH_DELIMITED,
  lengthDelimited,
  readFields,
  readString,
  readVarint,
  VARINT,
  varint,
} from "./protobuf.js";

const NO_BYTES: Uint8Array = Buffer.alloc(0);

/** One field of a message. */
export interface FieldRow<Value> {
  readonly number: number;
  /** The value of a message without the field. */
  readonly absent: Value;
  /** The bytes of the field, with its tag. */
  encode(value: Value): readonly Uint8Array[];
  /** The value after one more occurrence of the field; `undefined` for bytes that are no such value. */
  decode(bytes: Uint8Array, field: Field, before: Value): { readonly value: Value } | undefined;
}

/** The values of a message. */
export type MessageOf<Table> = {
  readonly [Name in keyof Table]: Table[Name] extends FieldRow<infer Value> ? Value : never;
};

/** The bytes of a message. A field that is left out has its default. */
export function encodeMessage<Table extends object>(table: Table, values: Partial<MessageOf<Table>>): Buffer {
  const parts: Uint8Array[] = [];
  for (const [name, row] of rowsOf(table)) {
    const value = Reflect.get(values, name) ?? row.absent;
    if (value !== row.absent) parts.push(...row.encode(value));
  }
  return Buffer.concat(parts);
}

/** The values of a message; `undefined` when the bytes are not one. */
export function decodeMessage<Table extends object>(table: Table, bytes: Uint8Array): MessageOf<Table> | undefined {
  const fields = readFields(bytes);
  if (fields === undefined) return undefined;
  const values = new Map<string, unknown>();
  const rows = new Map<number, readonly [string, FieldRow<unknown>]>();
  for (const [name, row] of rowsOf(table)) {
    values.set(name, row.absent);
    rows.set(row.number, [name, row]);
  }
  for (const field of fields) {
    const [name = "", row] = rows.get(field.number) ?? [];
    if (row === undefined) continue;
    const decoded = row.decode(bytes, field, values.get(name));
    if (decoded === undefined) return undefined;
    values.set(name, decoded.value);
  }
  return Object.fromEntries(values) as MessageOf<Table>; // each value comes from the row of its name
}

function rowsOf(table: object): readonly (readonly [string, FieldRow<unknown>])[] {
  return Object.entries(table); // a table has rows only
}

/** A field of the type `string`. */
export function text(number: number): FieldRow<string> {
  return {
    number,
    absent: "",
    encode: (value) => [lengthDelimited(number, Buffer.from(value))],
    decode(bytes, field) {
      const value = field.wireType === LENGTH_DELIMITED ? readString(bytes, field) : undefined;
      return value === undefined ? undefined : { value };
    },
  };
}

/** A field of the type `bytes`, or a message that is encoded already. What is read is a view of the message. */
export function bytes(number: number): FieldRow<Uint8Array> {
  return {
    number,
    absent: NO_BYTES,
    encode: (value) => [lengthDelimited(number, value)],
    decode: (message, { wireType, start, end }) =>
      wireType === LENGTH_DELIMITED ? { value: message.subarray(start, end) } : undefined,
  };
}

/** `uint64`, at most 2^53 - 1. Fractions are cut. */
export function count(number: number): FieldRow<number> {
  return {
    number,
    absent: 0,
    encode: (value) => [Buffer.from([...varint(number * 8 + VARINT), ...varint(Math.max(0, Math.floor(value)))])],
    decode(bytes, field) {
      const value = field.wireType === VARINT ? readVarint(bytes, field.start)?.value : undefined;
      return value === undefined || !Number.isSafeInteger(value) ? undefined : { value };
    },
  };
}

/** A field of the type `bool`. */
export function flag(number: number): FieldRow<boolean> {
  const row = count(number);
  return {
    number,
    absent: false,
    encode: (value) => row.encode(value ? 1 : 0),
    decode(bytes, field) {
      const decoded = row.decode(bytes, field, 0);
      return decoded && { value: decoded.value !== 0 };
    },
  };
}

/** An enum, whose words are in the order of their numbers. A number without a word is the first one. */
export function choice<Word extends string>(number: number, words: readonly [Word, ...Word[]]): FieldRow<Word> {
  const row = count(number);
  return {
    number,
    absent: words[0],
    encode: (value) => row.encode(words.indexOf(value)),
    decode(bytes, field) {
      const decoded = row.decode(bytes, field, 0);
      return decoded && { value: words[decoded.value] ?? words[0] };
    },
  };
}

/** A message within a message; `undefined` where it is absent. */
export function message<Table extends object>(number: number, table: Table): FieldRow<MessageOf<Table> | undefined> {
  return {
    number,
    absent: undefined,
    encode: (value) => [lengthDelimited(number, encodeMessage(table, value ?? {}))],
    decode(bytes, { wireType, start, end }) {
      const value = wireType === LENGTH_DELIMITED ? decodeMessage(table, bytes.subarray(start, end)) : undefined;
      return value === undefined ? undefined : { value };
    },
  };
}

/** A field with presence: `optional`, or a member of a `oneof`. */
export function optional<Value>(row: FieldRow<Value>): FieldRow<Value | undefined> {
  return {
    number: row.number,
    absent: undefined,
    encode: (value) => (value === undefined ? [] : row.encode(value)),
    decode: (bytes, field) => row.decode(bytes, field, row.absent),
  };
}

/** A `repeated` field, not packed. */
export function repeated<Value>(row: FieldRow<Value>): FieldRow<readonly Exclude<Value, undefined>[]> {
  const absent: readonly Exclude<Value, undefined>[] = [];
  return {
    number: row.number,
    absent,
    encode: (values) => values.flatMap((value) => row.encode(value)),
    decode(bytes, field, before) {
      const decoded = row.decode(bytes, field, row.absent);
      if (decoded === undefined) return undefined;
      // one list for all occurrences: a copy for each would take quadratic time. It was made here for the first one
      const values = (before === absent ? [] : before) as Exclude<Value, undefined>[];
      values.push(decoded.value as Exclude<Value, undefined>); // a field that was read has a value
      return { value: values };
    },
  };
}
