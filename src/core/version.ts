/** The version of this package, read from its own manifest so that it stands in one place. */
import { readFileSync } from "node:fs";

/** Such as `0.1.0`. */
export function version(): string {
  const manifest: unknown = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8"));
  return String(Object(manifest).version);
}
