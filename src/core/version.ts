/** The version of this package, read from its own manifest so that it stands in one place. */
import { createRequire } from "node:module";

/** Such as `0.1.0`. */
export function version(): string {
  // by our own name, wherever this code was built to
  const manifest: unknown = createRequire(import.meta.url)("healthbridge/package.json");
  return String(Object(manifest).version);
}
