/**
 * Which hosts may a request with details name: protection against DNS rebinding.
 *
 *     victim's browser --> http://evil.example --> at first the attacker's address: a script
 *                                              --> then 127.0.0.1:8080: the script reads this page as its own
 *
 * The browser sends `Host: evil.example` to this server, so a name that is not configured is refused. An attacker cannot
 * make a browser send an IP literal, `localhost` or a name of a single label (`http://flower:8080`, as in Docker and
 * Kubernetes): no such name can be registered. A client that sends no host is no browser.
 */
import { isIP } from "node:net";
import { HealthError } from "./health-error.js";

/** The body of an answer that is refused. It does not repeat the host. */
export const MISDIRECTED =
  "MISDIRECTED_REQUEST: this server does not know the host that was asked; add its name to `hosts`, such as hosts: [status.example.org]";

/** The form of a name in `hosts`. */
const HOST_NAME = /^(?:\*\.)?(?:[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?\.)*[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?$/i;

/** Why a text is not an entry of `hosts`; `undefined` for one that is. */
export function hostFault(host: unknown): string | undefined {
  if (typeof host === "string" && host.length <= 253 && HOST_NAME.test(host)) return undefined;
  return `must be a host name without scheme and port, such as status.example.org or *.example.org; got ${JSON.stringify(host)}`;
}

/**
 * Callers may have no types.
 * @throws HealthError INVALID_OPTION
 */
export function requireHosts(hosts: unknown): void {
  if (hosts === undefined) return;
  if (!Array.isArray(hosts))
    throw new HealthError("INVALID_OPTION", 'hosts must be a list of names, such as ["status.example.org"]');
  for (const host of hosts) {
    const fault = hostFault(host);
    if (fault !== undefined) throw new HealthError("INVALID_OPTION", `hosts: ${fault}`);
  }
}

/** Whether a host (`name`, `name:8080`, `[::1]:8080`) may be shown details. */
export function isAllowedHost(host: string | undefined, allowed: readonly string[]): boolean {
  if (host === undefined) return true;
  const [, address, name = ""] = /^(?:\[([^\]]*)\]|([\w.-]*))(?::\d*)?$/.exec(host) ?? [];
  if (address !== undefined) return isIP(address) === 6;
  const plain = name.toLowerCase().replace(/\.$/, "");
  if (plain === "") return false;
  const isUnregistrable = !plain.includes(".") || plain.endsWith(".localhost") || isIP(plain) === 4;
  return isUnregistrable || allowed.some((each) => matches(plain, each.toLowerCase()));
}

function matches(name: string, allowed: string): boolean {
  return allowed.startsWith("*.") ? name.endsWith(allowed.slice(1)) : name === allowed;
}
