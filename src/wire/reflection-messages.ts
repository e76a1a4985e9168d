/**
 * The messages of `grpc.reflection.v1` as bytes. Those of v1alpha are equal on the wire.
 *
 *     ServerReflectionRequest  { host = 1; one of: file_by_filename = 3, file_containing_symbol = 4,
 *                                file_containing_extension = 5, all_extension_numbers_of_type = 6, list_services = 7 }
 *     ServerReflectionResponse { valid_host = 1; original_request = 2; one of: file_descriptor_response = 4,
 *                                all_extension_numbers_response = 5, list_services_response = 6, error_response = 7 }
 */
import { GRPC_CODES, type GrpcCode } from "./grpc-code.js";
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

/** What a client asks for. The kinds are the names of the request's fields. */
export type ReflectionQuery =
  | { readonly kind: "file_by_filename" | "file_containing_symbol"; readonly name: string }
  | ({ readonly kind: "file_containing_extension" } & Extension)
  | { readonly kind: "all_extension_numbers_of_type"; readonly type: string }
  | { readonly kind: "list_services" }
  | { readonly kind: "none" };

/** An extension: the full name of the message that it extends, and its number. */
export interface Extension {
  readonly type: string;
  readonly number: number;
}

export interface ReflectionRequest {
  /** The message itself, which the answer contains. */
  readonly bytes: Uint8Array;
  readonly host: string;
  readonly query: ReflectionQuery;
}

/** The answer to a query, without the echo of the request. */
export type ReflectionResult =
  | { readonly files: readonly Uint8Array[] }
  | { readonly type: string; readonly numbers: readonly number[] }
  | { readonly services: readonly string[] }
  | { readonly code: GrpcCode; readonly text: string };

const HOST = 1;

/** The fields of the oneof `message_request`. */
const [FILE_BY_FILENAME, FILE_CONTAINING_SYMBOL, FILE_CONTAINING_EXTENSION] = [3, 4, 5] as const;
const [ALL_EXTENSION_NUMBERS_OF_TYPE, LIST_SERVICES] = [6, 7] as const;

/** Reads a ServerReflectionRequest; `undefined` when it is malformed. Never throws. The last field of the oneof counts. */
export function readReflectionRequest(bytes: Uint8Array): ReflectionRequest | undefined {
  const fields = readFields(bytes);
  if (fields === undefined) return undefined;
  let host: string | undefined = "";
  let query: ReflectionQuery | undefined = { kind: "none" };
  for (const field of fields) {
    if (field.number === HOST) host = readText(bytes, field);
    else if (field.number >= FILE_BY_FILENAME && field.number <= LIST_SERVICES) query = readQuery(bytes, field);
    if (host === undefined || query === undefined) return undefined;
  }
  return { bytes, host, query };
}

function readQuery(bytes: Uint8Array, field: Field): ReflectionQuery | undefined {
  if (field.number === FILE_CONTAINING_EXTENSION) return readExtension(bytes, field);
  const text = readText(bytes, field);
  if (text === undefined) return undefined;
  switch (field.number) {
    case FILE_BY_FILENAME:
      return { kind: "file_by_filename", name: text };
    case FILE_CONTAINING_SYMBOL:
      return { kind: "file_containing_symbol", name: text };
    case ALL_EXTENSION_NUMBERS_OF_TYPE:
      return { kind: "all_extension_numbers_of_type", type: text };
    default:
      return { kind: "list_services" }; // whatever its text is
  }
}

/** Reads an ExtensionRequest { containing_type = 1; extension_number = 2 }. */
function readExtension(bytes: Uint8Array, { wireType, start, end }: Field): ReflectionQuery | undefined {
  const message = bytes.subarray(start, end);
  const fields = wireType === LENGTH_DELIMITED ? readFields(message) : undefined;
  if (fields === undefined) return undefined;
  let type: string | undefined = "";
  let number: number | undefined = 0;
  for (const field of fields) {
    if (field.number === 1) type = readText(message, field);
    if (field.number === 2) number = field.wireType === VARINT ? readVarint(message, field.start)?.value : undefined;
    if (type === undefined || number === undefined) return undefined;
  }
  return { kind: "file_containing_extension", type, number };
}

function readText(bytes: Uint8Array, field: Field): string | undefined {
  return field.wireType === LENGTH_DELIMITED ? readString(bytes, field) : undefined;
}

/** A ServerReflectionResponse. Its first two fields repeat the host and the whole request: the protocol demands it. */
export function writeReflectionResponse({ host, bytes }: ReflectionRequest, result: ReflectionResult): Buffer {
  return Buffer.concat([stringField(1, host), lengthDelimited(2, bytes), resultField(result)]);
}

function resultField(result: ReflectionResult): Buffer {
  if ("files" in result) return lengthDelimited(4, repeated(result.files));
  if ("numbers" in result) return lengthDelimited(5, extensionNumbers(result.type, result.numbers));
  if ("services" in result) return lengthDelimited(6, repeated(result.services.map((name) => stringField(1, name))));
  const code = Buffer.from([0x08, GRPC_CODES[result.code]]);
  return lengthDelimited(7, Buffer.concat([code, stringField(2, result.text)]));
}

/** An ExtensionNumberResponse { base_type_name = 1; repeated extension_number = 2, packed }. */
function extensionNumbers(type: string, numbers: readonly number[]): Buffer {
  const packed = Buffer.from(numbers.flatMap(varint));
  return Buffer.concat([stringField(1, type), packed.length === 0 ? packed : lengthDelimited(2, packed)]);
}

/** A message whose only field is number 1, and repeated. */
function repeated(values: readonly Uint8Array[]): Buffer {
  return Buffer.concat(values.map((value) => lengthDelimited(1, value)));
}

/** A string; nothing when it is empty, as proto3 has it. */
function stringField(fieldNumber: number, text: string): Buffer {
  return text === "" ? Buffer.alloc(0) : lengthDelimited(fieldNumber, Buffer.from(text));
}
