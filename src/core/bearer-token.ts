/**
 * A bearer token that guards the list of services and other details.
 *
 * Source: RFC 6750, section 2.1. Digests are compared, so that the time of the comparison depends neither on the token
 * nor on its length.
 */
import { createHash, timingSafeEqual } from "node:crypto";
import { HealthError } from "./health-error.js";

/** Whether an `authorization` header holds the token. True without a token. */
export function isAuthorized(authorization: string | undefined, token: string | undefined): boolean {
  if (token === undefined) return true;
  const given = /^Bearer +(\S+) *$/i.exec(authorization ?? "")?.[1] ?? "";
  return timingSafeEqual(digestOf(given), digestOf(token));
}

/**
 * Returns the token, if there is one.
 * @throws HealthError INVALID_OPTION for a token that is empty or has spaces: no client could send it
 */
export function requireToken(token: string | undefined): string | undefined {
  if (token === undefined || /^\S+$/.test(token)) return token;
  throw new HealthError("INVALID_OPTION", "token must be one word without spaces, and not empty");
}

function digestOf(text: string): Buffer {
  return createHash("sha256").update(text).digest();
}
