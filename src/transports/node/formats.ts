/**
 * How each protocol writes a call over HTTP: what `Call` needs to read its request and to write its answer.
 *
 *                          request body          answer                     end of the answer
 *     gRPC                 prefix, message       prefix, message, ...       trailers grpc-status, grpc-message
 *     gRPC-Web             prefix, message       prefix, message, ...       the same fields in the body, flag 0x80
 *     gRPC-Web, text       the same in base64, both ways
 *     Connect, streaming   prefix, message       prefix, message, ...       JSON in the body, flag 2
 *     Connect, unary       message               message                    an error has an HTTP status, and is JSON
 *
 * Unary calls of Connect in JSON are not here: they are routes of the bridge on every server.
 *
 * Sources: grpc/grpc doc/PROTOCOL-HTTP2.md and doc/PROTOCOL-WEB.md, connectrpc.com/docs/protocol.
 */
import type { IncomingHttpHeaders } from "node:http";
import { CONNECT_HTTP_STATUS, connectErrorOf, GRPC_CODES, type GrpcCode } from "../../wire/grpc-code.js";
import { encodeGrpcMessage, isGrpcContentType, parseGrpcTimeout } from "../../wire/grpc-headers.js";
import { frameMessage, MessageReader, type Refusal } from "../grpc/message-reader.js";
import type { Headers } from "../http/answers.js";
import { Base64Body, type BodyReader, WholeBody } from "./bodies.js";
import { type Codec, JSON_CODEC, PROTO, type RpcMethod } from "./codec.js";

/** The last bytes of an answer, and its trailers. */
export interface Ending {
  readonly bytes: Buffer;
  readonly trailers: Headers;
}

export interface Format {
  readonly codec: Codec;
  /** Whether it is spoken over HTTP/2 alone. */
  readonly needsHttp2: boolean;
  /** Whether an unknown method is an error in this format, and not 404. */
  readonly hasUnknownMethods: boolean;
  /** Whether it can carry the answers of a method. */
  carries(method: RpcMethod): boolean;
  /** Milliseconds until the deadline: infinite without one. A refusal for what cannot be read. */
  timeoutOf(headers: IncomingHttpHeaders): number | Refusal;
  openBody(headers: IncomingHttpHeaders): BodyReader;
  /** HTTP status and header fields of an answer that begins with a message (`OK`), or has none. */
  head(code: GrpcCode): { readonly status: number; readonly fields: Headers };
  /** The header in which known encodings are named to a client that used another. */
  readonly encodingsHeader: string;
  message(bytes: Buffer): Buffer;
  ending(code: GrpcCode, text: string): Ending;
}

const NO_BYTES = Buffer.alloc(0);

/** Flags of the last part of a body. */
const WEB_TRAILERS = 0x80;
const CONNECT_END = 0x02;

/** Finds the format of a media type; `undefined` for one that is no call of these protocols. */
export function formatOf(contentType: string | undefined): Format | undefined {
  if (contentType === undefined) return undefined;
  const mediaType = contentType.split(";", 1)[0]?.trim().toLowerCase() ?? "";
  return FORMATS[mediaType] ?? (isGrpcContentType(contentType) ? FORMATS["application/grpc"] : undefined);
}

function grpcTimeoutOf(headers: IncomingHttpHeaders): number | Refusal {
  const header = headers["grpc-timeout"];
  if (header === undefined) return Number.POSITIVE_INFINITY;
  return parseGrpcTimeout(String(header)) ?? { code: "INTERNAL", text: "invalid grpc-timeout" };
}

/** Milliseconds of at most ten digits. */
function connectTimeoutOf(headers: IncomingHttpHeaders): number | Refusal {
  const { "connect-protocol-version": version, "connect-timeout-ms": timeout } = headers;
  if (version !== undefined && version !== "1")
    return { code: "INVALID_ARGUMENT", text: "unknown connect-protocol-version" };
  if (timeout === undefined) return Number.POSITIVE_INFINITY;
  const isTimeout = /^\d{1,10}$/.test(String(timeout));
  return isTimeout ? Number(timeout) : { code: "INVALID_ARGUMENT", text: "invalid connect-timeout-ms" };
}

function statusFields(code: GrpcCode, text: string): Headers {
  return {
    "grpc-status": String(GRPC_CODES[code]),
    ...(code === "OK" ? {} : { "grpc-message": encodeGrpcMessage(text) }),
  };
}

function headerOf(headers: IncomingHttpHeaders, name: string): string | undefined {
  const value = headers[name];
  return value === undefined ? undefined : String(value);
}

/** What all formats share whose messages have a prefix. */
const framed = (contentType: string, codec: Codec) => ({
  codec,
  needsHttp2: false,
  hasUnknownMethods: true,
  carries: () => true,
  timeoutOf: grpcTimeoutOf,
  openBody: (headers: IncomingHttpHeaders): BodyReader => new MessageReader(headerOf(headers, "grpc-encoding"), false),
  head: () => ({ status: 200, fields: { "content-type": contentType } }),
  encodingsHeader: "grpc-accept-encoding",
  message: (bytes: Buffer) => frameMessage(bytes),
});

const grpc = (contentType: string, codec: Codec): Format => ({
  ...framed(contentType, codec),
  needsHttp2: true,
  ending: (code, text) => ({ bytes: NO_BYTES, trailers: statusFields(code, text) }),
});

function webTrailers(code: GrpcCode, text: string): Buffer {
  const lines = Object.entries(statusFields(code, text)).map(([name, value]) => `${name}: ${value}\r\n`);
  return frameMessage(Buffer.from(lines.join("")), WEB_TRAILERS);
}

const grpcWeb = (contentType: string, codec: Codec): Format => ({
  ...framed(contentType, codec),
  ending: (code, text) => ({ bytes: webTrailers(code, text), trailers: {} }),
});

/** Each part is base64 of its own, with its padding: a client decodes what has come. */
const inBase64 = (bytes: Buffer): Buffer => Buffer.from(bytes.toString("base64"));

const grpcWebText = (contentType: string, codec: Codec): Format => ({
  ...framed(contentType, codec),
  openBody: (headers) => new Base64Body(new MessageReader(headerOf(headers, "grpc-encoding"), false)),
  message: (bytes) => inBase64(frameMessage(bytes)),
  ending: (code, text) => ({ bytes: inBase64(webTrailers(code, text)), trailers: {} }),
});

const connectStreaming = (contentType: string, codec: Codec): Format => ({
  ...framed(contentType, codec),
  hasUnknownMethods: false,
  carries: (method) => method === "Watch",
  timeoutOf: connectTimeoutOf,
  openBody: (headers) => new MessageReader(headerOf(headers, "connect-content-encoding"), false),
  encodingsHeader: "connect-accept-encoding",
  ending(code, text) {
    const end = code === "OK" ? {} : { error: connectErrorOf(code, text) };
    return { bytes: frameMessage(Buffer.from(JSON.stringify(end)), CONNECT_END), trailers: {} };
  },
});

const connectUnary = (contentType: string, codec: Codec): Format => ({
  codec,
  needsHttp2: false,
  hasUnknownMethods: false,
  carries: (method) => method !== "Watch",
  timeoutOf: connectTimeoutOf,
  openBody: (headers) => new WholeBody(headerOf(headers, "content-encoding")),
  head: (code) => ({
    status: CONNECT_HTTP_STATUS[code],
    fields: { "content-type": code === "OK" ? contentType : "application/json" },
  }),
  encodingsHeader: "accept-encoding",
  message: (bytes) => bytes,
  ending: (code, text) => ({
    bytes: code === "OK" ? NO_BYTES : Buffer.from(JSON.stringify(connectErrorOf(code, text))),
    trailers: {},
  }),
});

/** The media types that can carry the answers of a method. */
export function mediaTypesOf(method: RpcMethod): readonly string[] {
  return Object.keys(FORMATS).filter((mediaType) => FORMATS[mediaType]?.carries(method));
}

/** The formats by media type. Every other suffix of `application/grpc` is read as protobuf. */
const FORMATS: Readonly<Record<string, Format>> = {
  "application/grpc": grpc("application/grpc", PROTO),
  "application/grpc+json": grpc("application/grpc+json", JSON_CODEC),
  "application/grpc-web": grpcWeb("application/grpc-web+proto", PROTO),
  "application/grpc-web+proto": grpcWeb("application/grpc-web+proto", PROTO),
  "application/grpc-web+json": grpcWeb("application/grpc-web+json", JSON_CODEC),
  "application/grpc-web-text": grpcWebText("application/grpc-web-text+proto", PROTO),
  "application/grpc-web-text+proto": grpcWebText("application/grpc-web-text+proto", PROTO),
  "application/connect+proto": connectStreaming("application/connect+proto", PROTO),
  "application/connect+json": connectStreaming("application/connect+json", JSON_CODEC),
  "application/proto": connectUnary("application/proto", PROTO),
};
