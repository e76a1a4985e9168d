/**
 * TLS with a target: the options of a connection, and the expiry of the certificate.
 */
import { isIP } from "node:net";
import { type ConnectionOptions, createSecureContext, type TLSSocket } from "node:tls";
import { requireAuthorities, requireTlsPair } from "../core/tls-pair.js";

/** TLS options of a check. PEM texts. */
export interface TlsClientOptions {
  readonly ca?: string | undefined;
  readonly cert?: string | undefined;
  readonly key?: string | undefined;
  readonly serverName?: string | undefined;
  readonly verify?: boolean | undefined;
}

/**
 * Options for `tls.connect`, made once for all connections to a target: parsing the certificates is slow. An address is
 * not sent as a server name (RFC 6066, section 3); the certificate must have it nevertheless.
 * @throws HealthError TLS_FAILED for a PEM text that cannot be read
 */
export function tlsOptions(
  host: string,
  options: TlsClientOptions = {},
  protocols: readonly string[] = [],
): ConnectionOptions {
  const { ca, cert, key, serverName, verify = true } = options;
  if (ca !== undefined) requireAuthorities(ca, "CA");
  if (cert !== undefined && key !== undefined) requireTlsPair(cert, key);
  const bare = withoutDotAndZone(host);
  const name = serverName ?? (isIP(bare) === 0 ? bare : undefined);
  return {
    host: bare, // the certificate must have it, where there is no server name
    ...(name === undefined ? {} : { servername: name }),
    secureContext: createSecureContext({ ca, cert, key }),
    ...(protocols.length === 0 ? {} : { ALPNProtocols: [...protocols] }),
    rejectUnauthorized: verify,
  };
}

/** When the first certificate of the target's chain expires, in wall time; `undefined` where it shows none. */
export function certificateEnd(socket: TLSSocket): number | undefined {
  const ends: number[] = [];
  const seen = new Set<string>();
  let certificate: ReturnType<TLSSocket["getPeerCertificate"]> | undefined = socket.getPeerCertificate(true);
  while (certificate?.valid_to !== undefined && !seen.has(certificate.fingerprint256)) {
    seen.add(certificate.fingerprint256);
    ends.push(Date.parse(certificate.valid_to));
    // Node's type leaves out that the last of a chain has no issuer, or itself
    certificate = (certificate as { issuerCertificate?: typeof certificate }).issuerCertificate;
  }
  return ends.length === 0 ? undefined : Math.min(...ends);
}

/**
 * A host as it stands in certificates, SNI and `Host`: without the dot that makes a name absolute in DNS (RFC 6066, section
 * 3), and without the zone of a link-local address, which means something on this machine only (RFC 6874, section 4).
 */
export function withoutDotAndZone(host: string): string {
  return host.replace(/\.$/, "").replace(/%.*$/, "");
}
