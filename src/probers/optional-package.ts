/**
 * Client libraries that one scheme alone needs: optional peers, asked for when a target is declared and loaded when it is
 * first probed.
 */
import { createRequire } from "node:module";
import { HealthError } from "../core/health-error.js";

const here = createRequire(import.meta.url);

/**
 * Makes sure that a package is installed, without loading it.
 * @throws HealthError MISSING_PACKAGE with the command that installs it
 */
export function requirePackage(name: string, scheme: string, resolve: (name: string) => unknown = here.resolve): void {
  try {
    resolve(name);
  } catch (cause) {
    const message = `targets of ${scheme}:// need the package ${name}, which is not installed; try: npm install ${name}`;
    throw new HealthError("MISSING_PACKAGE", message, { cause });
  }
}
