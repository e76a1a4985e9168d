/** The way to a value in JSON: `status`, `checks.db.ok`, `items[0].name`, `["a.b"].c`. */
import { HealthError } from "../core/health-error.js";

const STEP = /\.?([^.[\]"]+)|\[(\d{1,6})\]|\[("(?:[^"\\]|\\.)*")\]/y;

/**
 * Reads a path. What it gives finds the value, or `undefined`: only what the JSON itself holds, nothing inherited.
 * @throws HealthError INVALID_OPTION
 */
export function compileJsonPath(path: string): (root: unknown) => unknown {
  const steps: string[] = [];
  STEP.lastIndex = 0;
  while (STEP.lastIndex < path.length) {
    const [, name, index, quoted] = STEP.exec(path) ?? [];
    if (name === undefined && index === undefined && quoted === undefined) break;
    steps.push(name ?? index ?? String(JSON.parse(quoted ?? '""')));
    if (STEP.lastIndex === path.length) return (root) => steps.reduce<unknown>(inside, root);
  }
  throw new HealthError(
    "INVALID_OPTION",
    `expect.json ${JSON.stringify(path)} is no path; expected such as checks.db.ok or items[0].name`,
  );
}

function inside(value: unknown, step: string): unknown {
  if (typeof value !== "object" || value === null || !Object.hasOwn(value, step)) return undefined;
  return Object(value)[step];
}
