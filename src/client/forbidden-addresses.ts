/**
 * Addresses that are not probed, because a program that can reach them gets credentials: link-local addresses and the
 * metadata services of clouds. `allowLinkLocal: true` allows them. Loopback and private addresses are allowed: targets
 * have such addresses.
 *
 *     "64:ff9b::a9fe:a9fe%eth0" --> 16 bytes --> in the table? --no--> the IPv4 address inside --> in the table?
 *
 * Several forms of an IPv6 address contain an IPv4 address, and a translator or a tunnel sends such a packet on to that
 * IPv4 address. Each form of a forbidden address is forbidden as well.
 */
import { BlockList, isIPv4, isIPv6 } from "node:net";

/** Every forbidden range, with the document that describes it. */
const FORBIDDEN_RANGES: readonly (readonly [address: string, prefixBits: number])[] = [
  // Link-local, RFC 3927 and RFC 4291, section 2.5.6. It contains the metadata services of most clouds: 169.254.169.254
  // (AWS, Azure, Google Cloud, Oracle), 169.254.170.2 (ECS), 169.254.170.23 (EKS Pod Identity).
  ["169.254.0.0", 16],
  ["fe80::", 10],
  // AWS. https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instancedata-data-retrieval.html
  ["fd00:ec2::254", 128],
  // AWS EKS Pod Identity. https://docs.aws.amazon.com/eks/latest/userguide/pod-id-agent-setup.html
  ["fd00:ec2::23", 128],
  // Azure. https://learn.microsoft.com/azure/virtual-network/what-is-ip-address-168-63-129-16
  ["168.63.129.16", 32],
  // Google Cloud, instances without IPv4. https://cloud.google.com/compute/docs/metadata/querying-metadata
  ["fd20:ce::254", 128],
  // Oracle Cloud. https://docs.oracle.com/en-us/iaas/Content/Compute/Tasks/gettingmetadata.htm
  ["fd00:c1::a9fe:a9fe", 128],
  // Oracle Cloud Classic.
  ["192.0.0.192", 32],
  // Alibaba Cloud. https://docs.cloud-init.io/en/latest/reference/datasources/aliyun.html
  ["100.100.100.200", 32],
  // Alibaba Cloud over IPv6. https://github.com/canonical/cloud-init/pull/6893
  ["fd00:100::100:200", 128],
  // Scaleway over IPv6.
  ["fd00:42::42", 128],
  // Akamai. https://techdocs.akamai.com/cloud-computing/docs/metadata-service-api
  ["fd00:a9fe:a9fe::1", 128],
];

const FORBIDDEN = new BlockList();
for (const [address, prefixBits] of FORBIDDEN_RANGES)
  FORBIDDEN.addSubnet(address, prefixBits, isIPv4(address) ? "ipv4" : "ipv6");

const LINK_LOCAL = new BlockList();
LINK_LOCAL.addSubnet("fe80::", 10, "ipv6");

/** A form of IPv6 address that contains an IPv4 address. */
interface Embedding {
  /** The bytes that the address has at `prefixAt`. */
  readonly prefix: string;
  readonly prefixAt?: number;
  /** Where each byte of the IPv4 address is. */
  readonly ipv4At: readonly [number, number, number, number];
  /** The bits of the IPv4 address are inverted. */
  readonly isInverted?: boolean;
}

const LAST_FOUR = [12, 13, 14, 15] as const;

const EMBEDDINGS: readonly Embedding[] = [
  { prefix: "00000000000000000000ffff", ipv4At: LAST_FOUR }, // IPv4-mapped, RFC 4291, section 2.5.5.2
  { prefix: "000000000000000000000000", ipv4At: LAST_FOUR }, // IPv4-compatible, RFC 4291, section 2.5.5.1
  { prefix: "0000000000000000ffff0000", ipv4At: LAST_FOUR }, // IPv4-translated, RFC 2765, section 2.1
  { prefix: "0064ff9b0000000000000000", ipv4At: LAST_FOUR }, // NAT64, RFC 6052, section 2.1
  // local-use NAT64 (RFC 8215): a prefix of 48, 56, 64 or 96 bits, with byte 8 left free (RFC 6052, section 2.2)
  { prefix: "0064ff9b0001", ipv4At: [6, 7, 9, 10] },
  { prefix: "0064ff9b0001", ipv4At: [7, 9, 10, 11] },
  { prefix: "0064ff9b0001", ipv4At: [9, 10, 11, 12] },
  { prefix: "0064ff9b0001", ipv4At: LAST_FOUR },
  { prefix: "2002", ipv4At: [2, 3, 4, 5] }, // 6to4, RFC 3056, section 2
  { prefix: "20010000", ipv4At: [4, 5, 6, 7] }, // Teredo, the server: RFC 4380, section 4
  { prefix: "20010000", ipv4At: LAST_FOUR, isInverted: true }, // Teredo, the client
  { prefix: "00005efe", prefixAt: 8, ipv4At: LAST_FOUR }, // ISATAP, RFC 5214, section 6.1
  { prefix: "02005efe", prefixAt: 8, ipv4At: LAST_FOUR },
];

/** Whether an address must not be probed. A zone (`%eth0`) is ignored. False for what is not an address. */
export function isForbiddenAddress(address: string): boolean {
  const [bare = ""] = address.split("%");
  if (isIPv4(bare)) return FORBIDDEN.check(bare, "ipv4");
  if (!isIPv6(bare)) return false;
  if (FORBIDDEN.check(bare, "ipv6")) return true;
  const bytes = ipv6Bytes(bare);
  return EMBEDDINGS.some((embedding) => {
    const inside = ipv4Inside(bytes, embedding);
    return inside !== undefined && FORBIDDEN.check(inside, "ipv4");
  });
}

/** Whether an address is link-local over IPv6. It is complete only with the zone of an interface (RFC 4007, section 6). */
export function needsZone(address: string): boolean {
  const [bare = ""] = address.split("%");
  return isIPv6(bare) && LINK_LOCAL.check(bare, "ipv6");
}

function ipv4Inside(bytes: Buffer, { prefix, prefixAt = 0, ipv4At, isInverted }: Embedding): string | undefined {
  if (!bytes.toString("hex").startsWith(prefix, prefixAt * 2)) return undefined;
  return ipv4At.map((at) => (bytes[at] ?? 0) ^ (isInverted === true ? 0xff : 0)).join(".");
}

/** The 16 bytes of a valid IPv6 address (RFC 4291, section 2.2). */
function ipv6Bytes(address: string): Buffer {
  const groups = address.replace(/\d+\.\d+\.\d+\.\d+$/, (dotted) => {
    const [a = 0, b = 0, c = 0, d = 0] = dotted.split(".").map(Number);
    return `${((a << 8) | b).toString(16)}:${((c << 8) | d).toString(16)}`;
  });
  const [before = [], after = []] = groups.split("::").map((half) => (half === "" ? [] : half.split(":")));
  const zeros = Array.from({ length: 8 - before.length - after.length }, () => "0");
  const hex = [...before, ...zeros, ...after].map((group) => group.padStart(4, "0"));
  return Buffer.from(hex.join(""), "hex");
}
