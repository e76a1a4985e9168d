/**
 * Peers whose connections begin with a PROXY header: addresses and ranges of them.
 *
 *     10.0.0.0/8  192.0.2.1  fd00::/8     a peer over TCP; an IPv4 range also matches ::ffff:10.0.0.1
 *     unix                                every peer of a unix socket: none has an address
 */
import { BlockList, isIP } from "node:net";

export const UNIX_PEERS = "unix";

const BITS = { 4: 32, 6: 128 } as const;

export class ProxyPeers {
  readonly #ranges = new BlockList();
  readonly #hasUnix: boolean;

  /** @param from texts without a fault, see `proxyPeerFault` */
  constructor(from: readonly string[]) {
    this.#hasUnix = from.includes(UNIX_PEERS);
    for (const range of from.flatMap((text) => parseRange(text) ?? []))
      this.#ranges.addSubnet(range.address, range.bits, range.family);
  }

  /** Whether the peer with this address is one; `undefined` is the address of a peer of a unix socket. */
  includes(address: string | undefined): boolean {
    if (address === undefined) return this.#hasUnix;
    const [withoutZone = ""] = address.split("%");
    return this.#ranges.check(withoutZone, isIP(withoutZone) === 6 ? "ipv6" : "ipv4");
  }
}

/** Why a text names no peers, as text that follows it; `undefined` for one that does. */
export function proxyPeerFault(text: string): string | undefined {
  if (text === UNIX_PEERS) return undefined;
  if (/^::ffff:/i.test(text)) return "is an IPv4 address inside an IPv6 one; write the IPv4 address alone";
  return parseRange(text) === undefined ? "must be an IP address or a range such as 10.0.0.0/8 or fd00::/8" : undefined;
}

interface PeerRange {
  readonly address: string;
  readonly bits: number;
  readonly family: "ipv4" | "ipv6";
}

function parseRange(text: string): PeerRange | undefined {
  const { address = "", bits } = /^(?<address>[\da-fA-F.:]+)(?:\/(?<bits>\d{1,3}))?$/.exec(text)?.groups ?? {};
  const version = isIP(address);
  if (version !== 4 && version !== 6) return undefined;
  const length = bits === undefined ? BITS[version] : Number(bits);
  return length > BITS[version] ? undefined : { address, bits: length, family: version === 4 ? "ipv4" : "ipv6" };
}
