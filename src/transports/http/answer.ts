/**
 * The answers that the bridge gives: plain data, whatever carries it.
 */
import type { HttpAnswer } from "../../wire/http-message.js";

/** On every answer: a status is true now and not later, and no browser guesses what it is. */
const COMMON_HEADERS = { "cache-control": "no-store", "x-content-type-options": "nosniff" } as const;

/** One line of text. */
export function textAnswer(status: number, body: string, headers: Readonly<Record<string, string>> = {}): HttpAnswer {
  return { status, headers: { "content-type": "text/plain; charset=utf-8", ...COMMON_HEADERS, ...headers }, body };
}

/** JSON under a media type. */
export function jsonAnswer(
  status: number,
  value: object,
  headers: Readonly<Record<string, string>> & { readonly "content-type": string },
): HttpAnswer {
  return { status, headers: { ...COMMON_HEADERS, ...headers }, body: JSON.stringify(value) };
}

/** A request without the token that it needs. */
export function unauthenticated(): HttpAnswer {
  return textAnswer(401, "UNAUTHENTICATED", { "www-authenticate": "Bearer" });
}

/** A method that a route doesn't have. */
export function methodNotAllowed(allow: string): HttpAnswer {
  return textAnswer(405, "METHOD_NOT_ALLOWED", { allow });
}
