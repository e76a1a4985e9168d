/**
 * A token that guards the list of services and other details: as Bearer, or as the password of Basic, which browsers ask
 * for. The user name of Basic does not matter.
 *
 * Sources: RFC 6750, section 2.1; RFC 7617, section 2. Digests are compared, so that the time of the comparison depends neither on the token
 * nor on its length.
 */
import { createHash, timingSafeEqual } from "node:crypto";
import { HealthError } from "./health-error.js";

/** A token that can be replaced: all that guard something with it have the same object. */
export class AccessToken {
  #value: string | undefined;
  readonly #observers = new Set<(value: string | undefined) => void>();

  /** @throws HealthError INVALID_OPTION, as `requireToken` */
  constructor(value: string | undefined) {
    this.#value = requireToken(value);
  }

  /** `undefined`: nothing is guarded. */
  get value(): string | undefined {
    return this.#value;
  }

  set value(value: string | undefined) {
    if (value === this.#value) return;
    this.#value = value;
    for (const observer of this.#observers) observer(value);
  }

  /** Calls `observer` with each new value. Returns an unsubscribe function. */
  observe(observer: (value: string | undefined) => void): () => void {
    this.#observers.add(observer);
    return () => void this.#observers.delete(observer);
  }
}

/** Whether an `authorization` header holds the token. True without a token. */
export function isAuthorized(authorization: string | undefined, token: string | AccessToken | undefined): boolean {
  const expected = token instanceof AccessToken ? token.value : token;
  if (expected === undefined) return true;
  return timingSafeEqual(digestOf(givenToken(authorization ?? "")), digestOf(expected));
}

/** Where a client of discovery may put its token. */
export interface TokenPlaces {
  /** The value of `authorization`. */
  readonly authorization: string | undefined;
  /** The value of `x-consul-token`. */
  readonly consulToken?: string | undefined;
  /** The value of `?token=`. */
  readonly queryToken?: string | null | undefined;
}

/** The token that counts, as an `authorization` header. The order is that of Consul; an empty token does not count. */
export function authorizationOf({ authorization, consulToken, queryToken }: TokenPlaces): string | undefined {
  const given = queryToken || consulToken;
  return given ? `Bearer ${given}` : authorization;
}

function givenToken(authorization: string): string {
  const [, scheme = "", credentials = ""] = /^(Bearer|Basic) +(\S+) *$/i.exec(authorization) ?? [];
  if (scheme.toLowerCase() !== "basic") return credentials;
  const [, password = ""] = /^[^:]*:(.*)$/s.exec(Buffer.from(credentials, "base64").toString()) ?? [];
  return password;
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
