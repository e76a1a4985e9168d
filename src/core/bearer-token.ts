/**
 * A token that guards what is not for everybody: the list of services tells a stranger what runs here.
 *
 * Source: RFC 6750, section 2.1. Digests are compared, so that the time it takes tells nothing of the token, nor of its
 * length.
 */
import { createHash, timingSafeEqual } from "node:crypto";

/** Whether an `authorization` header holds the token. Without a token to ask for, everybody may. */
export function isAuthorized(authorization: string | undefined, token: string | undefined): boolean {
  if (token === undefined) return true;
  const given = /^Bearer +(\S+) *$/i.exec(authorization ?? "")?.[1] ?? "";
  return timingSafeEqual(digestOf(given), digestOf(token));
}

function digestOf(text: string): Buffer {
  return createHash("sha256").update(text).digest();
}
