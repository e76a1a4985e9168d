/**
 * The answers of the bridge as plain data, for any carrier.
 *
 * No answer is ever a redirect: Kubernetes takes every 3xx for healthy, also one to another host
 * (docs/known-faults.md 0.11).
 */
import type { ServiceStatus } from "../../registry/ports.js";
import type { HttpAnswer } from "../../wire/http-message.js";

/** Headers of an answer. */
export type Headers = Readonly<Record<string, string>>;

/** A status is true now and not later, and no browser guesses the media type. */
const COMMON_HEADERS = { "cache-control": "no-store", "x-content-type-options": "nosniff" } as const;

/** Seconds after which a client of a draining server may ask again. By then it reaches another server. */
const RETRY_AFTER_SECONDS = "5";

/** The headers of a text. */
export function textHeaders(more: Headers = {}): Headers {
  return { "content-type": "text/plain; charset=utf-8", ...COMMON_HEADERS, ...more };
}

/** The headers of JSON under a media type. */
export function jsonHeaders(contentType: string, more: Headers = {}): Headers {
  return { ...COMMON_HEADERS, "content-type": contentType, ...more };
}

/** One line of text. */
export function textAnswer(status: number, body: string, headers?: Headers): HttpAnswer {
  return { status, headers: textHeaders(headers), body };
}

/** JSON under a media type. */
export function jsonAnswer(status: number, value: object, contentType: string, headers?: Headers): HttpAnswer {
  return { status, headers: jsonHeaders(contentType, headers), body: JSON.stringify(value) };
}

/** Browsers ask for the password of Basic, which is the token. */
const CHALLENGES = 'Bearer, Basic realm="healthbridge", charset="UTF-8"';

/** The request lacks the token that it needs. */
export function unauthenticated(): HttpAnswer {
  return textAnswer(401, "UNAUTHENTICATED", { "www-authenticate": CHALLENGES });
}

/** The route does not have this method. */
export function methodNotAllowed(allow: string): HttpAnswer {
  return textAnswer(405, "METHOD_NOT_ALLOWED", { allow });
}

/** What Envoy reads beside the code. */
export function statusHeaders(status: ServiceStatus | undefined, draining: boolean): Headers {
  if (draining) return { "x-envoy-immediate-health-check-fail": "true", "retry-after": RETRY_AFTER_SECONDS };
  return status?.degraded === true ? { "x-envoy-degraded": "true" } : {};
}
