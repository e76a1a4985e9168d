/**
 * One entry of `listen`: an address, alone or with its settings.
 *
 *     ":8080"
 *     { address: ":8443", proxyProtocol: { from: ["10.0.0.0/8"] } }
 */
import { HealthError } from "./health-error.js";
import { type ListenAddress, parseListenAddress } from "./listen-address.js";
import { requireKnownOptions } from "./option.js";
import { ProxyPeers, proxyPeerFault, UNIX_PEERS } from "./proxy-peers.js";

/** An address with its settings. */
export interface ListenTable {
  readonly address: string;
  /**
   * The peers whose connections must begin with a PROXY header of version 1 or 2: addresses, ranges such as `10.0.0.0/8`, or `unix`
   * for a unix socket. From all other peers no header is read. Default: none.
   */
  readonly proxyProtocol?: { readonly from: readonly string[] } | undefined;
}

export type ListenEntry = string | ListenTable;

/** An entry that has been read. */
export interface ListenPoint {
  readonly address: ListenAddress;
  readonly proxies?: ProxyPeers | undefined;
}

/** The address of an entry, as it is written. */
export function addressTextOf(entry: ListenEntry): string {
  return typeof entry === "string" ? entry : entry.address;
}

/** The same entry with another address. */
export function withAddress(entry: ListenEntry, address: string): ListenEntry {
  return typeof entry === "string" ? address : { ...entry, address };
}

/**
 * Reads an entry. Callers may have no types.
 * @throws HealthError INVALID_ADDRESS, INVALID_OPTION
 */
export function parseListenEntry(entry: ListenEntry): ListenPoint {
  if (typeof entry === "string") return { address: parseListenAddress(entry) };
  if (typeof entry !== "object" || entry === null || typeof entry.address !== "string")
    throw new HealthError(
      "INVALID_ADDRESS",
      'listen() needs a list of addresses, such as [":50051", ":8080"]; an entry can be a table with an address',
    );
  requireKnownOptions("listen", entry, ["address", "proxyProtocol"]);
  const address = parseListenAddress(entry.address);
  const { proxyProtocol } = entry;
  if (proxyProtocol === undefined) return { address };
  requireKnownOptions("proxyProtocol", proxyProtocol, ["from"]);
  const fault = proxyPeersFault(entry, address);
  if (fault !== undefined) throw new HealthError("INVALID_OPTION", `proxyProtocol.from ${fault}`);
  return { address, proxies: new ProxyPeers(proxyProtocol.from) };
}

/** Why `proxyProtocol.from` names no proxies of such an address, as text that follows the name of the option. */
export function proxyPeersFault({ proxyProtocol }: ListenTable, address: ListenAddress): string | undefined {
  if (proxyProtocol === undefined) return undefined;
  const { from } = proxyProtocol;
  if (!Array.isArray(from)) return "must be a list of addresses, such as 10.0.0.0/8";
  if (from.length === 0) return "must have at least one address, such as 10.0.0.0/8";
  for (const text of from) {
    const fault = typeof text === "string" ? (proxyPeerFault(text) ?? kindFault(text, address)) : "must be a text";
    if (fault !== undefined) return `${JSON.stringify(text)} ${fault}`;
  }
  return undefined;
}

function kindFault(text: string, address: ListenAddress): string | undefined {
  if ("fd" in address) return undefined; // it may be a socket of either kind
  const isUnix = "path" in address;
  if (isUnix === (text === UNIX_PEERS)) return undefined;
  return isUnix
    ? "matches no peer of a unix socket, which has no address; write unix"
    : "is for unix sockets; write the addresses of the proxies";
}
