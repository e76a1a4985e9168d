/**
 * Targets are URLs. The rules of every scheme are checked here, when a check is declared and not at its first probe.
 */
import { HealthError } from "../core/health-error.js";

/**
 * Reads a target.
 * @throws HealthError INVALID_TARGET
 */
export function parseTarget(text: string): URL {
  const target = URL.canParse(text) ? new URL(text) : undefined;
  if (target === undefined) throw invalidTarget(text, "expected a URL such as http://host:port/path");
  return target;
}

/** The host to connect to: an IPv6 address without its brackets. */
export function hostOf(target: URL): string {
  return target.hostname.replace(/^\[(.*)\]$/, "$1");
}

/** The user name and password of a target, decoded. */
export function credentialsOf({ username, password }: URL): { readonly user?: string; readonly password?: string } {
  return {
    ...(username === "" ? {} : { user: decodeURIComponent(username) }),
    ...(password === "" ? {} : { password: decodeURIComponent(password) }),
  };
}

/** An error about a target. Everything up to the last `@` may be a user name and password, so it is not shown. */
export function invalidTarget(text: string, expected: string, options?: ErrorOptions): HealthError {
  const shown = text.replace(/^([a-z][a-z0-9+.-]*:\/*)?.*@/is, "$1***@");
  return new HealthError("INVALID_TARGET", `target ${JSON.stringify(shown)}: ${expected}`, options);
}
