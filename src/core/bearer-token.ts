/**
 * A token that guards what is not for everybody: the list of services tells a stranger what runs here.
 *
 * Source: RFC 6750, section 2.1. Digests are compared, so that the time it takes tells nothing of the token, nor of its
 * length.
 */
import { createHash, timingSafeEqual } from "node:crypto";
import { HealthError } from "./health-error.js";

/** Whether an `authorization` header holds the token. Without a token to ask for, everybody may. */
export function isAuthorized(authorization: string | undefined, token: string | undefined): boolean {
  if (token === undefined) return true;
  const given = /^Bearer +(\S+) *$/i.exec(authorization ?? "")?.[1] ?? "";
  return timingSafeEqual(digestOf(given), digestOf(token));
}

/**
 * The token, if there is one.
 * @throws HealthError INVALID_OPTION for one that is empty or has spaces: nobody could send it, or everybody would
 */
export function requireToken(token: string | undefined): string | undefined {
  if (token === undefined || /^\S+$/.test(token)) return token;
  throw new HealthError("INVALID_OPTION", "token must be one word without spaces, and not empty");
}

function digestOf(text: string): Buffer {
  return createHash("sha256").update(text).digest();
}
