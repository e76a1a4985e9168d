/**
 * The messages of `grpc.health.v1` as bytes. Only this file maps statuses to their numbers on the wire.
 *
 *     HealthCheckRequest  { string service = 1 }
 *     HealthCheckResponse { ServingStatus status = 1 }
 *     HealthListRequest   { }
 *     HealthListResponse  { map<string, HealthCheckResponse> statuses = 1 }
 *
 * Answers to Check and Watch are ready-made bytes: there are only four.
 */
import { MAX_SERVICE_NAME_BYTES } from "../core/service-name.js";
import type { WatchStatus } from "../core/serving-status.js";
import {
  type Field,
  LENGTH_DELIMITED,
  lengthDelimited,
  lengthDelimitedHead,
  readFields,
  readString,
  readVarint,
  VARINT,
} from "./protobuf.js";

/** The full name of the service. */
export const HEALTH_SERVICE = "grpc.health.v1.Health";

/** Why a request cannot be answered: the constant text that the caller gets. */
export type RequestFault = "malformed request" | "service name too long" | "service name is not valid UTF-8";

/** A request that was read, or what is wrong with it. */
export type RequestReading = { readonly service: string } | { readonly fault: RequestFault };

/** The wire's numbers, in the order of the proto's enum. */
const STATUS_NUMBERS: readonly WatchStatus[] = ["UNKNOWN", "SERVING", "NOT_SERVING", "SERVICE_UNKNOWN"];

const SERVICE_TAG = 0x0a;
const STATUS_TAG = 0x08;
const SERVICE_FIELD = 1;

/** Tag, length and a name whose length is a byte that doesn't go on (127 at most). */
const MAX_PLAIN_BYTES = 2 + 0x7f;

const STATUS_FIELD = 1;

/** The number of the field `statuses` of a HealthListResponse. */
const LIST_FIELD = 1;

/** Reads a HealthCheckRequest. Never throws; a field given twice counts once, the last (proto3). */
export function readHealthCheckRequest(bytes: Uint8Array): RequestReading {
  const plain = readPlainRequest(bytes);
  if (plain !== undefined) return { service: plain };
  const fields = readFields(bytes);
  if (fields === undefined) return { fault: "malformed request" };
  let service = "";
  for (const field of fields) {
    if (field.number !== SERVICE_FIELD) continue;
    if (field.wireType !== LENGTH_DELIMITED) return { fault: "malformed request" };
    if (field.end - field.start > MAX_SERVICE_NAME_BYTES) return { fault: "service name too long" };
    const text = readString(bytes, field);
    if (text === undefined) return { fault: "service name is not valid UTF-8" };
    service = text;
  }
  return { service };
}

/**
 * The service of a request as nearly all are: one field, with a name of ASCII, its length in one byte. `undefined` for any
 * other, which is read in full. A tenth of what an answer to Check costs is saved here.
 */
function readPlainRequest(bytes: Uint8Array): string | undefined {
  const { length } = bytes;
  if (length === 0) return "";
  if (bytes[0] !== SERVICE_TAG || bytes[1] !== length - 2 || length > MAX_PLAIN_BYTES) return undefined;
  for (let at = 2; at < length; at += 1) if ((bytes[at] ?? 0) >= 0x80) return undefined;
  return Buffer.isBuffer(bytes) ? bytes.toString("latin1", 2) : undefined;
}

/** Whether the bytes are a HealthListRequest: any readable message, since it has no field of its own. */
export function isHealthListRequest(bytes: Uint8Array): boolean {
  return readFields(bytes) !== undefined;
}

export function writeHealthCheckRequest(service: string): Buffer {
  return service === "" ? Buffer.alloc(0) : lengthDelimited(SERVICE_FIELD, Buffer.from(service));
}

/** A HealthCheckResponse: the same bytes at each call, not to be written into. */
export function healthCheckResponse(status: WatchStatus): Buffer {
  return RESPONSES[status];
}

/** Reads a HealthCheckResponse: a status, or `undefined` for bytes that are none, or a number that the proto lacks. */
export function readHealthCheckResponse(bytes: Uint8Array): WatchStatus | undefined {
  const number = readStatusNumber(bytes);
  return number === undefined ? undefined : statusOf(number);
}

/** The status of a number on the wire; `undefined` for one that the proto lacks. */
export function statusOf(number: number): WatchStatus | undefined {
  return STATUS_NUMBERS[number];
}

/** The number of a HealthCheckResponse's status, also one that the proto lacks; `undefined` for bytes that are no message. */
export function readStatusNumber(bytes: Uint8Array): number | undefined {
  let number = 0;
  for (const field of readFields(bytes) ?? [{ number: STATUS_FIELD, wireType: -1, start: 0, end: 0 }]) {
    if (field.number !== STATUS_FIELD) continue;
    if (field.wireType !== VARINT) return undefined;
    const value = readVarint(bytes, field.start)?.value ?? -1;
    number = value <= Number.MAX_SAFE_INTEGER ? value : readInt64(bytes, field);
  }
  return number;
}

/** A varint of 64 bits with a sign: a negative number has ten bytes. */
function readInt64(bytes: Uint8Array, { start, end }: Field): number {
  const groups = [...bytes.subarray(start, end)].map((byte, index) => BigInt(byte & 0x7f) << BigInt(7 * index));
  return Number(
    BigInt.asIntN(
      64,
      groups.reduce((sum, group) => sum | group, 0n),
    ),
  );
}

/** The name of a status, or its number if the proto lacks it. */
export function statusName(number: number): string {
  return statusOf(number) ?? String(number);
}

/** A HealthListResponse. O(services). */
export function writeHealthListResponse(statuses: Iterable<readonly [string, WatchStatus]>): Buffer {
  const parts: Buffer[] = [];
  for (const [service, status] of statuses) {
    const name = Buffer.from(service);
    const key = lengthDelimitedHead(1, name.length);
    const value = STATUS_VALUES[status];
    parts.push(lengthDelimitedHead(1, key.length + name.length + value.length), key, name, value);
  }
  return Buffer.concat(parts);
}

/** Reads a HealthListResponse: the number of each service's status; `undefined` for bytes that are no such message. */
export function readHealthListResponse(bytes: Uint8Array): ReadonlyMap<string, number> | undefined {
  const statuses = new Map<string, number>();
  for (const field of readFields(bytes) ?? [{ number: LIST_FIELD, wireType: -1, start: 0, end: 0 }]) {
    if (field.number !== LIST_FIELD) continue;
    const entry = field.wireType === LENGTH_DELIMITED ? readEntry(bytes.subarray(field.start, field.end)) : undefined;
    if (entry === undefined) return undefined;
    statuses.set(...entry);
  }
  return statuses;
}

/** An entry of a protobuf map: the key is field 1, the value field 2; either may be left out. */
function readEntry(bytes: Uint8Array): readonly [string, number] | undefined {
  let name: string | undefined = "";
  let status: number | undefined = 0;
  for (const field of readFields(bytes) ?? [{ number: 1, wireType: -1, start: 0, end: 0 }]) {
    if (field.number !== 1 && field.number !== 2) continue;
    if (field.wireType !== LENGTH_DELIMITED) return undefined;
    if (field.number === 1) name = readString(bytes, field);
    else status = readStatusNumber(bytes.subarray(field.start, field.end));
  }
  return name === undefined || status === undefined ? undefined : [name, status];
}

function responseOf(status: WatchStatus): Buffer {
  const number = STATUS_NUMBERS.indexOf(status);
  // proto3 leaves a zero out
  return number === 0 ? Buffer.alloc(0) : Buffer.from([STATUS_TAG, number]);
}

/** The second field of an entry of the list's map. */
function entryOf(status: WatchStatus): Buffer {
  return lengthDelimited(2, responseOf(status));
}

// marked as pure: a bundle that answers nothing leaves them out
const RESPONSES: Readonly<Record<WatchStatus, Buffer>> = {
  UNKNOWN: /* @__PURE__ */ responseOf("UNKNOWN"),
  SERVING: /* @__PURE__ */ responseOf("SERVING"),
  NOT_SERVING: /* @__PURE__ */ responseOf("NOT_SERVING"),
  SERVICE_UNKNOWN: /* @__PURE__ */ responseOf("SERVICE_UNKNOWN"),
};

const STATUS_VALUES: Readonly<Record<WatchStatus, Buffer>> = {
  UNKNOWN: /* @__PURE__ */ entryOf("UNKNOWN"),
  SERVING: /* @__PURE__ */ entryOf("SERVING"),
  NOT_SERVING: /* @__PURE__ */ entryOf("NOT_SERVING"),
  SERVICE_UNKNOWN: /* @__PURE__ */ entryOf("SERVICE_UNKNOWN"),
};
