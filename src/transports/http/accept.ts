/**
 * Content negotiation: who asks for JSON gets it, everybody else gets text.
 *
 * A wildcard is no wish for JSON: browsers, curl and kubelet all send one. Source: RFC 9110, section 12.5.1.
 */

/** The JSON media types that are spoken, the more specific first. */
const JSON_TYPES = ["application/health+json", "application/json"] as const;

/** A JSON media type that is spoken. */
export type JsonType = (typeof JSON_TYPES)[number];

/** The JSON type that an `Accept` header prefers to text; `undefined` for text. */
export function wantedJson(accept: string | undefined): JsonType | undefined {
  const qualities = readAccept(accept ?? "");
  const text = qualities.get("text/plain") ?? 0;
  let wanted: JsonType | undefined;
  let best = 0;
  for (const type of JSON_TYPES) {
    const quality = qualities.get(type) ?? 0;
    if (quality > best && quality >= text) [wanted, best] = [type, quality];
  }
  return wanted;
}

function readAccept(accept: string): ReadonlyMap<string, number> {
  const qualities = new Map<string, number>();
  for (const range of accept.toLowerCase().split(",")) {
    const [type = "", ...parameters] = range.split(";").map((part) => part.trim());
    const quality = parameters.find((parameter) => parameter.startsWith("q="))?.slice(2);
    qualities.set(type, quality === undefined ? 1 : Number(quality) || 0);
  }
  return qualities;
}
