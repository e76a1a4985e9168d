/**
 * When the path of certificates ends to be valid that OpenSSL has verified.
 *
 *     leaf --> issuer in the trusted list? --yes--> end of the path
 *                  | no
 *                  '--> issuer among the certificates that the target sent --> and so on
 *
 * A target may send certificates that are not part of the path: a root that another authority has cross-signed and that has
 * expired, an intermediate that was replaced, a chain for old clients. Only the path decides whether clients connect. Node does
 * not show the path, so it is found again in the order of OpenSSL: trusted certificates first, then those that were sent, and
 * of several the first that is valid now. Source: https://docs.openssl.org/3.0/man1/openssl-verification-options/.
 */
import { X509Certificate } from "node:crypto";
import type { TLSSocket } from "node:tls";

/** Certificates that are trusted, read when they are needed. */
export type ReadTrusted = () => readonly X509Certificate[];

/** OpenSSL's limit is 100. */
const MAX_PATH = 100;

/** Wall time at which the first certificate of the path ends; `undefined` if the target has shown no certificate. */
export type ReadEnd = (socket: TLSSocket) => number | undefined;

/**
 * Reads the ends of a target's connections. The last chain is remembered: most connections show the same one.
 * @param trusted the authorities of the target; `undefined`: those of Node
 */
export function createEndReader(trusted: ReadTrusted | undefined, defaults: ReadTrusted): ReadEnd {
  let last: { readonly key: string; readonly endsAt: number } | undefined;
  return (socket) => {
    const linked = linkedChain(socket);
    const [leaf] = linked;
    if (leaf === undefined) return undefined;
    const key = [socket.authorized, ...linked.map(({ fingerprint256 }) => fingerprint256)].join(" ");
    if (last?.key === key) return last.endsAt;
    // without a verified path, only the place of the first certificate is certain
    const endsAt = socket.authorized ? endOfPath(socket, linked, trusted, defaults) : endOf(leaf);
    if (Number.isNaN(endsAt)) return undefined; // a date that is not one: it was not verified
    last = { key, endsAt };
    return endsAt;
  };
}

function endOfPath(
  socket: TLSSocket,
  linked: readonly X509Certificate[],
  trusted: ReadTrusted | undefined,
  defaults: ReadTrusted,
): number {
  const [leaf, ...issuers] = linked;
  if (leaf === undefined) return Number.NaN;
  // Node's list has 140 certificates: it is read only if the certificates that were sent leave a doubt
  const isClear = trusted === undefined && issuers.every((issuer) => endOf(issuer) >= endOf(leaf));
  if (isClear) return endOf(leaf);
  const now = Date.now(); // the clock of OpenSSL
  const isComplete = issuers.every((issuer) => isValidAt(issuer, now));
  const sent = isComplete ? issuers : sentChain(socket);
  return Math.min(...verifiedPath(leaf, sent, (trusted ?? defaults)(), now).map(endOf));
}

/** The path from a leaf. OpenSSL has verified it: signatures and constraints are not verified again. */
export function verifiedPath(
  leaf: X509Certificate,
  sent: readonly X509Certificate[],
  trusted: readonly X509Certificate[],
  now: number,
): readonly X509Certificate[] {
  const path = [leaf];
  const isNew = ({ fingerprint256 }: X509Certificate) => path.every((each) => each.fingerprint256 !== fingerprint256);
  for (let current: X509Certificate | undefined = leaf; current !== undefined && path.length < MAX_PATH; ) {
    const issued: X509Certificate = current;
    const { fingerprint256 } = issued;
    const isIssuer = (candidate: X509Certificate) => isValidAt(candidate, now) && issued.checkIssued(candidate);
    const anchor = trusted.find(isIssuer);
    if (anchor !== undefined) return isNew(anchor) ? [...path, anchor] : path;
    const isTrusted = trusted.some((candidate) => candidate.fingerprint256 === fingerprint256);
    current = isTrusted ? undefined : sent.find((candidate) => isNew(candidate) && isIssuer(candidate));
    if (current !== undefined) path.push(current);
  }
  return path;
}

/** The certificates that Node links to each other: not all that were sent, but further ones of the trusted list. */
function linkedChain(socket: TLSSocket): readonly X509Certificate[] {
  const chain: X509Certificate[] = [];
  const seen = new Set<string>();
  let certificate: ReturnType<TLSSocket["getPeerCertificate"]> | undefined = socket.getPeerCertificate(true);
  while (certificate?.raw !== undefined && !seen.has(certificate.fingerprint256)) {
    seen.add(certificate.fingerprint256);
    chain.push(new X509Certificate(certificate.raw));
    // Node's type leaves out that the last of a chain has no issuer, or itself
    certificate = (certificate as { issuerCertificate?: typeof certificate }).issuerCertificate;
  }
  return chain;
}

/**
 * All certificates after the first, in the order in which they were sent. Up to Node 24 each call leaks the memory of a
 * chain and can be made once for a socket, so it is made only for a new chain with certificates that are not valid.
 */
function sentChain(socket: TLSSocket): readonly X509Certificate[] {
  const chain: X509Certificate[] = [];
  for (let each = socket.getPeerX509Certificate()?.issuerCertificate; each; each = each.issuerCertificate)
    chain.push(each);
  return chain;
}

function endOf({ validTo }: X509Certificate): number {
  return Date.parse(validTo);
}

function isValidAt({ validFrom, validTo }: X509Certificate, time: number): boolean {
  return Date.parse(validFrom) <= time && time <= Date.parse(validTo);
}
