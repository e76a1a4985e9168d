/**
 * Whether the target of a check is a different one on each machine: pure.
 *
 *     a program, a function            it runs here
 *     a unix socket                    it is a file of this machine
 *     loopback, unspecified address    the machine itself: 127.0.0.1, [::1], localhost, 0.0.0.0
 *     link-local address               the neighbours of one interface, and what a cloud tells each machine of itself
 *
 * One member of a fleet cannot probe such a target for another one. A name is resolved on each machine, so only the names
 * that always mean the machine itself are known here.
 */
import { BlockList, isIP, isIPv4 } from "node:net";
import { hostOf, parseTarget } from "../probers/target.js";
import type { CheckSource } from "./declarations.js";

/** Addresses of the machine itself, and of its links. `BlockList` finds an IPv4-mapped IPv6 address in the ranges of IPv4. */
const OWN_RANGES: readonly (readonly [address: string, prefixBits: number])[] = [
  ["127.0.0.0", 8], // RFC 1122, section 3.2.1.3
  ["0.0.0.0", 8], // a connection to it goes to loopback
  ["169.254.0.0", 16], // RFC 3927
  ["::", 127], // :: and ::1, RFC 4291, section 2.5
  ["fe80::", 10], // RFC 4291, section 2.5.6
];

const OWN = new BlockList();
for (const [address, prefixBits] of OWN_RANGES) OWN.addSubnet(address, prefixBits, isIPv4(address) ? "ipv4" : "ipv6");

/** Names of the machine itself (RFC 6761, section 6.3; the hosts files of Debian and Red Hat), and of a container's host. */
const OWN_NAMES: ReadonlySet<string> = new Set([
  "localhost",
  "localhost.localdomain",
  "localhost4",
  "localhost6",
  "ip6-localhost",
  "ip6-loopback",
  "host.docker.internal",
  "host.containers.internal",
]);

/** Whether the source of a check is another one on each machine. A target that cannot be read is not. */
export function isOfOneMachine(source: CheckSource): boolean {
  switch (source.kind) {
    case "exec":
    case "function":
    case "prober":
      return true;
    case "heartbeat":
      return false;
    case "target":
      return isOwnTarget(source.url);
    default:
      return source satisfies never;
  }
}

function isOwnTarget(url: string): boolean {
  let target: URL;
  try {
    target = parseTarget(url);
  } catch {
    return false; // the plan refuses it
  }
  const scheme = target.protocol.slice(0, -1);
  return scheme === "unix" || scheme.endsWith("+unix") || isOwnHost(hostOf(target).toLowerCase());
}

function isOwnHost(host: string): boolean {
  const [address = ""] = host.split("%");
  if (isIP(address) > 0) return OWN.check(address, isIPv4(address) ? "ipv4" : "ipv6");
  const name = host.replace(/\.$/, "");
  return OWN_NAMES.has(name) || name.endsWith(".localhost");
}
