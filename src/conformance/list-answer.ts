/**
 * Reads the answer to List, within bounds: a message of 4 MiB, the usual limit of a client, can have two million entries.
 */
import { readHealthCheckResponse } from "../wire/health-messages.js";
import { readField, readFields, readString } from "../wire/protobuf.js";
import type { StreamAnswer } from "./stream-answer.js";

/** The status of each service, or `unreadable`. */
export type ListedStatuses = ReadonlyMap<string, string>;

/** A server with more services is not tried: its entries would be a load. */
const MAX_ENTRIES = 100_000;

const MAX_ENTRY_BYTES = 65_536;

/** The map of a HealthListResponse. `undefined`: not one message that is such a map. */
export function readList({ messages }: StreamAnswer): ListedStatuses | "too long" | undefined {
  const [message, surplus] = messages;
  if (message === undefined || message.flag !== 0 || surplus !== undefined) return undefined;
  const { bytes } = message;
  const statuses = new Map<string, string>();
  let entries = 0;
  for (let at = 0; at < bytes.length; ) {
    const field = readField(bytes, at);
    if (field === undefined) return undefined;
    at = field.end;
    if (field.number !== 1) continue;
    entries += 1;
    if (entries > MAX_ENTRIES || field.end - field.start > MAX_ENTRY_BYTES) return "too long";
    const entry = readEntry(bytes.subarray(field.start, field.end));
    if (entry === undefined) return undefined;
    statuses.set(...entry);
  }
  return statuses;
}

/** An entry of a protobuf map: the key is field 1, the value field 2; either may be left out. */
function readEntry(entry: Buffer): readonly [name: string, status: string] | undefined {
  const fields = readFields(entry);
  if (fields === undefined) return undefined;
  const name = fields.findLast(({ number }) => number === 1);
  const value = fields.findLast(({ number }) => number === 2);
  const status = readHealthCheckResponse(
    value === undefined ? Buffer.alloc(0) : entry.subarray(value.start, value.end),
  );
  return [name === undefined ? "" : (readString(entry, name) ?? "\ufffd"), status ?? "unreadable"];
}
