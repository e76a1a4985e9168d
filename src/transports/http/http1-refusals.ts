/**
 * Requests over HTTP/1 that are refused before the bridge sees them: unreadable ones, and those that two servers could
 * read in two ways (docs/known-faults.md 4). No refusal echoes what the client sent.
 */
import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import type { HttpAnswer } from "../../wire/http-message.js";
import { textAnswer } from "./answers.js";

const MAX_HEADERS = 64;

/** Parser errors that have a status of their own. */
const PARSER_ANSWERS: Readonly<Record<string, string>> = {
  HPE_HEADER_OVERFLOW: "431 Request Header Fields Too Large",
  ERR_HTTP_REQUEST_TIMEOUT: "408 Request Timeout",
};

/** The answer to a request that is readable, but not in one way only; `undefined` for a clear one. */
export function refusalOf({ rawHeaders, headers, httpVersion }: IncomingMessage): HttpAnswer | undefined {
  if (rawHeaders.length / 2 > MAX_HEADERS) return textAnswer(431, "REQUEST_HEADER_FIELDS_TOO_LARGE");
  let hosts = 0;
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const name = rawHeaders[index];
    if (name?.length === 4 && name.toLowerCase() === "host") hosts += 1;
  }
  const coding = headers["transfer-encoding"];
  const isUnclear =
    (httpVersion !== "1.1" && httpVersion !== "1.0") ||
    hosts > 1 ||
    (coding !== undefined && coding.toLowerCase() !== "chunked");
  return isUnclear ? textAnswer(400, "BAD_REQUEST") : undefined;
}

/** Whether a request announces a body. */
export function hasBody({ headers }: IncomingMessage): boolean {
  return headers["transfer-encoding"] !== undefined || (headers["content-length"] ?? "0") !== "0";
}

/** Answers what the parser refused, and closes. Another protocol gets no answer. */
export function refuseUnreadable(error: Error, socket: Duplex): void {
  const code = "code" in error ? String(error.code) : "";
  if (!socket.writable || code === "ECONNRESET" || isAnotherProtocol(error, code)) {
    socket.destroy();
    return;
  }
  const status = PARSER_ANSWERS[code] ?? "400 Bad Request";
  const body = status.slice(4).toUpperCase().replaceAll(" ", "_");
  socket.end(
    `HTTP/1.1 ${status}\r\ncontent-type: text/plain; charset=utf-8\r\ncontent-length: ${body.length}\r\nconnection: close\r\n\r\n${body}`,
    () => socket.destroy(),
  );
}

/** Whether the bytes are not meant as HTTP/1: the first line names no version of it. */
function isAnotherProtocol(error: Error, code: string): boolean {
  if (code !== "HPE_INVALID_METHOD" || !("rawPacket" in error) || !Buffer.isBuffer(error.rawPacket)) return false;
  const end = error.rawPacket.indexOf("\n");
  return !error.rawPacket.subarray(0, end === -1 ? undefined : end).includes(" HTTP/");
}
