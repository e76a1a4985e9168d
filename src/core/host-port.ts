/** Names of hosts, and hosts with a port as text. */
import { isIPv4 } from "node:net";

const MAX_NAME_CHARACTERS = 253;

const LABELS = /^(?:[a-z\d_](?:[a-z\d_-]{0,61}[a-z\d_])?\.)*[a-z\d_](?:[a-z\d_-]{0,61}[a-z\d_])?$/i;

/** Whether a text is the name of a host, or an IPv4 address. Services of DNS have underscores in their names. */
export function isHost(text: string): boolean {
  if (/^[\d.]+$/.test(text)) return isIPv4(text);
  return text.length <= MAX_NAME_CHARACTERS && LABELS.test(text);
}

/** Host and port: an IPv6 address gets brackets. */
export function formatHostPort(host: string, port: number): string {
  return `${host.includes(":") ? `[${host}]` : host}:${port}`;
}
