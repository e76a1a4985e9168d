/**
 * A redirect to the same server as a next request (`followRedirects: same-origin`).
 *
 * The scheme, the host and the port must be those of the target, or those of the header Host. So the next request goes
 * to the address that the address rule has allowed, with the same credentials.
 */
import type { HttpClientRequest } from "../client/http-client.js";
import { separatorOf } from "../client/http-head.js";
import type { HttpResponse } from "../client/http-response.js";
import { maskedUrl } from "./masked.js";

/** Requests after the first one in one probe. */
export const MAX_REDIRECTS = 5;

/** A longer location is not followed. */
const MAX_LOCATION_BYTES = 8_000;

/** Status codes with a `location` to follow (RFC 9110, section 15.4). */
const REDIRECTS: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);

/** The next request; a text that says why the redirect is not followed; `undefined` for another answer. */
export function readRedirect(
  target: URL,
  request: HttpClientRequest,
  { status, headers }: HttpResponse,
): HttpClientRequest | string | undefined {
  if (!isRedirection({ status })) return undefined;
  const location = headers.get("location");
  if (location === undefined) return "it has no location";
  const locations = new Set(location.split(separatorOf("location")));
  if (locations.size > 1) return "it has two locations";
  if (location.length > MAX_LOCATION_BYTES) return `its location has more than ${MAX_LOCATION_BYTES} bytes`;
  const scheme = target.protocol === "https:" ? "https:" : "http:";
  const base = `${scheme}//${request.fields.get("host")}${request.path}`;
  // header values are latin1; a URL in them may be UTF-8
  const [first = ""] = locations;
  const text = Buffer.from(first, "latin1").toString("utf8");
  if (!URL.canParse(text, base)) return "its location is not a URL";
  const next = new URL(text, base);
  const isSame = next.protocol === scheme && (next.host === target.host || next.host === new URL(base).host);
  if (!isSame) return "its location is on another server";
  return { ...request, ...redirectedMethod(status, request), path: `${next.pathname}${next.search}` };
}

/** Whether an answer asks for another request. */
export function isRedirection({ status }: Pick<HttpResponse, "status">): boolean {
  return REDIRECTS.has(status);
}

/** Longer locations are shown without their end. */
const MAX_SHOWN_CHARACTERS = 200;

/** Where a redirect leads, for an error, without what could be a credential; `""` without a location. */
export function describeLocation({ headers }: Pick<HttpResponse, "headers">): string {
  const location = headers.get("location");
  if (location === undefined) return "";
  const text = maskedUrl(location.replace(/#.*$/s, ""));
  const isLong = text.length > MAX_SHOWN_CHARACTERS;
  return `; its location is ${JSON.stringify(isLong ? `${text.slice(0, MAX_SHOWN_CHARACTERS)}...` : text)}`;
}

/** 303 asks for a GET; after 301 and 302, a POST becomes one, as browsers have always done. */
function redirectedMethod(status: number, { method, fields }: HttpClientRequest): Partial<HttpClientRequest> {
  const isGet = status === 303 ? method !== "HEAD" : status < 303 && method === "POST";
  if (!isGet) return {};
  const others = [...fields].filter(([name]) => name !== "content-length" && name !== "content-type");
  return { method: "GET", body: Buffer.alloc(0), fields: new Map(others) };
}
