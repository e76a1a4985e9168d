/**
 * Addresses that a probe must not be sent to: a cloud's metadata service gives secrets to whoever asks from inside.
 *
 * Link-local addresses hold all of them but two, and no target of honest use. Loopback and private addresses are where
 * targets live, so they are no matter of this rule.
 */
import { BlockList, isIP } from "node:net";

const FORBIDDEN = new BlockList();
FORBIDDEN.addSubnet("169.254.0.0", 16, "ipv4");
FORBIDDEN.addSubnet("fe80::", 10, "ipv6");
FORBIDDEN.addAddress("fd00:ec2::254", "ipv6"); // AWS, over IPv6
FORBIDDEN.addAddress("100.100.100.200", "ipv4"); // Alibaba Cloud

const MAPPED = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i;

/** Whether an address may not be probed. IPv4 addresses inside of IPv6 ones are looked at as what they are. */
export function isForbiddenAddress(address: string): boolean {
  const bare = address.split("%")[0] ?? "";
  const mapped = MAPPED.exec(bare)?.[1];
  if (mapped !== undefined) return FORBIDDEN.check(mapped, "ipv4");
  const family = isIP(bare);
  return family !== 0 && FORBIDDEN.check(bare, family === 4 ? "ipv4" : "ipv6");
}
