/** The way to a value in JSON: `status`, `checks.db.ok`, `items[0].name`, `["a.b"].c`. */
import { HealthError } from "../core/health-error.js";

/** A name, an index, or a name in quotation marks: the last without escapes, for keys that need them are rare. */
const FIRST = /(?:([^.[\]"\s]+)|\[(\d{1,6})\]|\["([^"\\]+)"\])/y;
const NEXT = /(?:\.([^.[\]"\s]+)|\[(\d{1,6})\]|\["([^"\\]+)"\])/y;

/**
 * Reads a path. What it gives finds the value, or `undefined`: only what the JSON itself holds, nothing inherited.
 * @throws HealthError INVALID_OPTION
 */
export function compileJsonPath(path: string): (root: unknown) => unknown {
  const steps: string[] = [];
  let at = 0;
  do {
    const pattern = at === 0 ? FIRST : NEXT;
    pattern.lastIndex = at;
    const [whole, name, index, quoted] = pattern.exec(path) ?? [];
    const step = name ?? index ?? quoted;
    if (whole === undefined || step === undefined) throw invalidPath(path);
    steps.push(step);
    at += whole.length;
  } while (at < path.length);
  return (root) => steps.reduce<unknown>(inside, root);
}

function inside(value: unknown, step: string): unknown {
  if (typeof value !== "object" || value === null || !Object.hasOwn(value, step)) return undefined;
  return Object(value)[step];
}

function invalidPath(path: string): HealthError {
  const text = `expect.json ${JSON.stringify(path)} is no path; expected such as checks.db.ok or items[0].name`;
  return new HealthError("INVALID_OPTION", text);
}
