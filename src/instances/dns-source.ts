/**
 * Instances of a DNS name: its A and AAAA records with a port, or its SRV records.
 *
 * Name servers, search domains and the hosts file are those of targets. A name that does not exist, an answer without a
 * record, SERVFAIL and a timeout are faults: a resolver that is broken looks like each of them.
 *
 * After its first answer, a name is asked for in the search domain that has answered. Otherwise, while that domain fails, a
 * wildcard of another one would replace all instances.
 */
import type { LookupAddress } from "node:dns";
import type { NameLookup } from "../client/name-lookup.js";
import { messageOf } from "../core/health-error.js";
import { isHost } from "../core/host-port.js";
import {
  type AskSource,
  type FoundAddress,
  failed,
  type InstanceSource,
  isUnspecified,
  MAX_WEIGHT,
  type SourceAnswer,
} from "./source.js";

type DnsSource = Extract<InstanceSource, { kind: "dns" | "srv" }>;

/** First answers without one of the families that are faults. */
const MAX_PARTIAL_ANSWERS = 3;

/** Asks the name servers for the addresses of a source. */
export function askDns(source: DnsSource, names: NameLookup): AskSource {
  const ask = source.kind === "dns" ? askAddresses(source, names) : askServers(source, names);
  return () => ask().catch((error: unknown) => failed(`${source.name}: ${messageOf(error)}`));
}

/**
 * While no server answers for a family, its last addresses stay in use. A first answer that lacks a family is used, with a
 * fault, so the source stays awaited. After some more of them, the family counts as absent: name servers exist that never
 * answer for AAAA.
 */
function askAddresses({ name, port }: Extract<InstanceSource, { kind: "dns" }>, names: NameLookup): AskSource {
  let last: readonly LookupAddress[] = [];
  let foundName = name.toLowerCase();
  let partialLeft = MAX_PARTIAL_ANSWERS;
  return async () => {
    const answer = await names.find(foundName, last, () => {});
    if (typeof answer === "string") return failed(faultOf(name, answer));
    const strange = answer.addresses.find(({ address }) => isUnspecified(address));
    if (strange !== undefined)
      return failed(`${name}: a record has ${strange.address}, which is the address of no host`);
    last = answer.addresses;
    foundName = answer.foundName ?? foundName;
    const addresses = last.map(({ address }) => found(address, port));
    if (partialLeft > 0 && answer.isPartial === true) {
      partialLeft -= 1;
      const missing = last.some(({ family }) => family === 4) ? "AAAA" : "A";
      return { addresses, fault: `${name}: no name server answers for ${missing}; addresses may be missing` };
    }
    partialLeft = 0;
    return good(addresses);
  };
}

function askServers({ name }: Extract<InstanceSource, { kind: "srv" }>, names: NameLookup): AskSource {
  let foundName = name.toLowerCase();
  return async () => {
    const answer = await names.findServers(foundName);
    if (typeof answer === "string") return failed(faultOf(name, answer));
    const { servers } = answer;
    const strange = servers.find(({ host, port }) => port === 0 || !isHost(host) || isUnspecified(host));
    if (strange !== undefined) return failed(`${name}: an SRV record has the host ${JSON.stringify(strange.host)}`);
    foundName = answer.foundName;
    // a weight of 0 is a small one (RFC 2782), not none
    return good(servers.map(({ host, port, weight }) => found(host, port, Math.min(MAX_WEIGHT, Math.max(1, weight)))));
  };
}

function faultOf(name: string, answer: "unknown" | "dead"): string {
  return answer === "dead" ? `no name server answers for ${name}` : `the name ${name} has no such record`;
}

function good(addresses: readonly FoundAddress[]): SourceAnswer {
  return { addresses, fault: undefined };
}

function found(host: string, port: number, weight?: number): FoundAddress {
  return { host: host.toLowerCase(), port, meta: {}, tags: [], weight };
}
