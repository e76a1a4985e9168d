/** The version of this package, from its package.json. */
import { createRequire } from "node:module";

/** Such as `0.1.0`. */
export function version(): string {
  // by the name of the package: the path to package.json depends on the build
  const manifest: unknown = createRequire(import.meta.url)("healthbridge/package.json");
  return String(Object(manifest).version);
}
