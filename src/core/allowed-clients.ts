/**
 * Which clients with a valid certificate may connect: by the names in the subject alternative name (SAN) of the certificate.
 *
 *     SAN: DNS prober.example.org    --in dns?--+-- yes --> allowed
 *          URI spiffe://example.org/ns/shop --in uri?--'        | no
 *                                               '------------> refused
 *
 * One name that is listed is enough. The common name of the subject is never used (RFC 9525, section 2). A SPIFFE ID counts only
 * in a certificate that is a valid X.509-SVID: its one URI is the ID, and its key signs no certificates.
 * Source: https://github.com/spiffe/spiffe/blob/main/standards/X509-SVID.md, section 5.2.
 */
import { isIP } from "node:net";
import { domainToASCII } from "node:url";
import { requireKnownOptions } from "./option.js";
import { OptionError, type Path } from "./option-error.js";
import { claimsSpiffe, matchesSpiffe, spiffeIdFault, spiffePatternFault } from "./spiffe-id.js";

/** Names of clients. A client needs one of them. */
export interface AllowedClients {
  /** DNS names: `prober.example.org`, or `*.example.org` for each name with one more label. Default none. */
  readonly dns?: readonly string[] | undefined;
  /**
   * URIs. In the path of a SPIFFE ID, `*` stands for one segment, and `**` at the end for one or more:
   * `spiffe://example.org/ns/shop/**`. Default none.
   */
  readonly uri?: readonly string[] | undefined;
}

/** What is read from the certificate of a client. */
export interface ClientNames {
  /** The bytes of each name, as Latin-1: no byte is changed or left out. */
  readonly dns: readonly string[];
  readonly uri: readonly string[];
  /** Its key may sign certificates or revocation lists. */
  readonly isAuthority: boolean;
}

const LABELS = /^(?:[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?\.)*[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?$/i;
const MAX_NAME_LENGTH = 253;

/** Printable ASCII after a scheme. */
const URI = /^[a-z][a-z0-9+.-]*:[\x21-\x7e]+$/i;

/** What is wrong with an entry, and where it is. */
export interface AllowedClientsFault {
  readonly path: Path;
  readonly text: string;
}

/** All faults of a list. A list without names is one: it would refuse every client. */
export function allowedClientsFaults({ dns = [], uri = [] }: AllowedClients): readonly AllowedClientsFault[] {
  if (dns.length + uri.length === 0)
    return [{ path: [], text: "must have at least one name in dns or uri: without one, no client could connect" }];
  return [...faultsOf("dns", dns, dnsFault), ...faultsOf("uri", uri, uriFault)];
}

/**
 * Validates the list of a caller, who may have no types.
 * @throws HealthError INVALID_OPTION for the first fault
 */
export function requireAllowedClients(allowed: AllowedClients): void {
  requireKnownOptions("tls.allowClients", allowed, ["dns", "uri"]);
  for (const [key, names] of Object.entries(allowed))
    if (names !== undefined && !(Array.isArray(names) && names.every((name) => typeof name === "string")))
      throw new OptionError(["tls", "allowClients", key], "must be a list of names");
  const [fault] = allowedClientsFaults(allowed);
  if (fault !== undefined) throw new OptionError(["tls", "allowClients", ...fault.path], fault.text);
}

/** Why a client may not connect; `undefined` for one that may. */
export function clientRefusal({ dns = [], uri = [] }: AllowedClients, names: ClientNames): string | undefined {
  if (names.dns.some((name) => dns.some((pattern) => matchesDns(name, pattern)))) return undefined;
  if (names.uri.some((name) => !claimsSpiffe(name) && uri.includes(name))) return undefined;
  const id = names.uri.find((name) => uri.some((pattern) => claimsSpiffe(pattern) && matchesSpiffe(name, pattern)));
  if (id !== undefined) return svidFault(id, names);
  return names.dns.length + names.uri.length === 0
    ? "its certificate has no DNS name and no URI"
    : "no name of its certificate is in tls.allowClients";
}

/** Why a certificate with an ID that is listed is not a valid X.509-SVID of a workload. */
function svidFault(id: string, { uri, isAuthority }: ClientNames): string | undefined {
  if (uri.length > 1) return "its certificate has a SPIFFE ID beside another URI";
  if (isAuthority) return "its certificate has a SPIFFE ID, and may sign certificates";
  return spiffeIdFault(id) === undefined ? undefined : "the SPIFFE ID of its certificate is not valid";
}

/** A name of a certificate that has a wildcard, or bytes that no host name has, is the name of no client. */
function matchesDns(name: string, pattern: string): boolean {
  if (name.length > MAX_NAME_LENGTH || !LABELS.test(name)) return false;
  const lower = name.toLowerCase();
  const wanted = pattern.toLowerCase();
  return wanted.startsWith("*.") ? lower.slice(lower.indexOf(".")) === wanted.slice(1) : lower === wanted;
}

function faultsOf(
  key: keyof AllowedClients,
  names: readonly string[],
  faultOf: (name: string) => string | undefined,
): readonly AllowedClientsFault[] {
  return names.flatMap((name, index) => {
    const fault = faultOf(name);
    return fault === undefined ? [] : [{ path: [key, index], text: `${fault}; got ${JSON.stringify(name)}` }];
  });
}

function dnsFault(pattern: string): string | undefined {
  const name = pattern.replace(/^\*\./, "");
  if (isIP(name) > 0) return "must be a name: IP addresses are not compared";
  if (name.length <= MAX_NAME_LENGTH && LABELS.test(name)) return undefined;
  const ascii = domainToASCII(name);
  if (/[^\x20-\x7e]/.test(name) && LABELS.test(ascii)) return `must be in ASCII, as certificates have it: ${ascii}`;
  return "must be a DNS name, such as prober.example.org or *.example.org";
}

function uriFault(pattern: string): string | undefined {
  if (claimsSpiffe(pattern)) return spiffePatternFault(pattern);
  if (!URI.test(pattern)) return "must be a URI, such as spiffe://example.org/ns/shop/sa/prober";
  return pattern.includes("*") ? "must have no *: only SPIFFE IDs have wildcards" : undefined;
}
