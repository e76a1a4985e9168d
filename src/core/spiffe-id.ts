/**
 * SPIFFE IDs, and patterns of them.
 *
 *     spiffe://example.org/ns/shop/sa/prober       the ID of a workload: trust domain and path
 *     spiffe://example.org/ns/STAR/sa/prober       a pattern: in the place of STAR, `*` stands for one segment
 *     spiffe://example.org/ns/shop/STARS           a pattern: in the place of STARS, `**` stands for one segment or more
 *
 * Letters of an ID are compared as they are: a trust domain is in lower case, and nothing is percent-encoded.
 * Source: https://github.com/spiffe/spiffe/blob/main/standards/SPIFFE-ID.md, section 2.
 */

const SCHEME = "spiffe://";
const TRUST_DOMAIN = /^[a-z0-9._-]{1,255}$/;
const SEGMENT = /^[a-zA-Z0-9._-]+$/;

/** The longest ID: section 2.3 of the source. */
const MAX_BYTES = 2048;

/** Whether a URI has the scheme of SPIFFE, in any case: it must then be a valid ID. */
export function claimsSpiffe(uri: string): boolean {
  return /^spiffe:/i.test(uri);
}

/** Why a URI is not the SPIFFE ID of a workload; `undefined` for one that is. */
export function spiffeIdFault(uri: string): string | undefined {
  if (!uri.startsWith(SCHEME)) return "must start with spiffe:// in lower case";
  if (uri.length > MAX_BYTES) return `must have at most ${MAX_BYTES} bytes`;
  const [domain = "", ...segments] = uri.slice(SCHEME.length).split("/");
  if (!TRUST_DOMAIN.test(domain)) return "must have a trust domain of lower-case letters, digits, dots, - and _";
  if (segments.length === 0) return "must have a path: a trust domain alone is no workload";
  if (segments.some((segment) => !SEGMENT.test(segment) || segment === "." || segment === ".."))
    return "must have a path of letters, digits, dots, - and _, without empty, . and .. segments";
  return undefined;
}

/** Why a text is neither a SPIFFE ID nor a pattern; `undefined` for one that is. */
export function spiffePatternFault(pattern: string): string | undefined {
  const segments = pattern.split("/");
  const isLast = (index: number) => index === segments.length - 1;
  if (segments.some((segment, index) => segment === "**" && !isLast(index))) return "must have ** at its end only";
  // with a name in the place of each wildcard it must be an ID; a wildcard in the trust domain is none
  const isWildcard = (segment: string, index: number) => index > 2 && (segment === "*" || segment === "**");
  const example = segments.map((segment, index) => (isWildcard(segment, index) ? "x" : segment)).join("/");
  const fault = spiffeIdFault(example);
  return fault !== undefined && example.includes("*") ? `${fault}; * and ** are whole segments of the path` : fault;
}

/** Whether a valid ID is the one of a valid pattern. */
export function matchesSpiffe(id: string, pattern: string): boolean {
  const wanted = pattern.split("/");
  const segments = id.split("/");
  const isOpen = wanted.at(-1) === "**";
  if (isOpen ? segments.length < wanted.length : segments.length !== wanted.length) return false;
  return wanted.every((segment, index) => segment === "*" || segment === "**" || segment === segments[index]);
}
