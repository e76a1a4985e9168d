/**
 * How errors show a value of a configuration. The schema and the rules beside it use the same words.
 */

/** A value as an error shows it: short, and on one line. */
export function shown(value: unknown): string {
  const json = JSON.stringify(value) ?? String(value);
  return json.length > 80 ? `${json.slice(0, 77)}...` : json;
}

/** The kind of a value as an error names it. */
export function kindOf(value: unknown): string {
  if (value === null || value === undefined) return "nothing";
  if (Array.isArray(value)) return "a list";
  return typeof value === "object"
    ? "a table"
    : `${typeof value === "boolean" ? "" : "the "}${typeof value} ${shown(value)}`.trim();
}
