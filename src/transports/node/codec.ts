/**
 * The encodings of health messages: the bytes of protobuf, which all engines use, and proto3's JSON.
 *
 *     request in JSON --> request in protobuf --> HealthService --> answer in protobuf --> answer in JSON
 */
import { printable } from "../../core/printable.js";
import { OVERALL } from "../../core/service-name.js";
import {
  type RequestFault,
  type RequestReading,
  readHealthCheckResponse,
  readHealthListResponse,
  statusName,
  writeHealthCheckRequest,
} from "../../wire/health-messages.js";
import { parseMessage, readRequest } from "../http/connect-json.js";

/** A method of the health service. */
export type RpcMethod = "Check" | "List" | "Watch";

/** A request in protobuf, or what is wrong with it. */
export type Decoded = Buffer | { readonly fault: RequestFault };

export interface Codec {
  decode(method: RpcMethod, request: Buffer): Decoded;
  encode(method: RpcMethod, answer: Buffer): Buffer;
}

export const PROTO: Codec = {
  decode: (_method, request) => request,
  encode: (_method, answer) => answer,
};

export const JSON_CODEC: Codec = {
  decode(method, request) {
    const message = parseMessage(request);
    if (message === undefined) return { fault: "malformed request" };
    const reading = method === "List" ? OVERALL_REQUEST : readRequest(message);
    return "fault" in reading ? reading : writeHealthCheckRequest(reading.service);
  },
  encode: (method, answer) => Buffer.from(method === "List" ? listOf(answer) : statusOf(answer)),
};

/** The request of a List has no field. */
const OVERALL_REQUEST: RequestReading = { service: OVERALL };

// unlike proto3's JSON, a zero is written out: `{}` would be a poor way to say UNKNOWN
function statusOf(answer: Buffer): string {
  return JSON.stringify({ status: readHealthCheckResponse(answer) });
}

function listOf(answer: Buffer): string {
  const entries = [...(readHealthListResponse(answer) ?? [])].map(
    ([service, number]) => `${printable(JSON.stringify(service))}:{"status":"${statusName(number)}"}`,
  );
  return `{"statuses":{${entries.join()}}}`;
}
