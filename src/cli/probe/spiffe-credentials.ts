/**
 * `-spiffe`: the certificate, key and authorities of this workload, from the SPIFFE Workload API.
 *
 *     SPIFFE_ENDPOINT_SOCKET --> FetchX509SVID, first message --> SVID and key: the client's certificate
 *                                                             '-> bundles: the authorities of each trust domain
 *
 * A server needs a SPIFFE ID of a known trust domain, and a certificate by an authority of that domain. Any ID is taken.
 * Source: https://github.com/spiffe/spiffe/blob/main/standards/SPIFFE_Workload_API.md, section 5.2, and
 * https://github.com/spiffe/spiffe/blob/main/standards/X509-SVID.md, section 5.
 */
import { isIP } from "node:net";
import type { PeerCertificate } from "node:tls";
import { hasStatus, startCall } from "../../client/grpc-call.js";
import { encodeCallHead } from "../../client/grpc-head.js";
import type { Http2Connection } from "../../client/http2-connection.js";
import { type SecureOptions, tlsOptions } from "../../client/tls-options.js";
import { messageOf } from "../../core/health-error.js";
import { LENGTH_DELIMITED, readFields } from "../../wire/protobuf.js";
import type { Cancellation } from "./cancellation.js";
import { goQuote } from "./go-format.js";
import { causeOf } from "./probe-cause.js";
import { probeClock } from "./probe-clock.js";
import { connectHttp2 } from "./probe-connection.js";
import type { ProbeAddress } from "./probe-target.js";
import { CredentialsFault } from "./tls-credentials.js";

/** What the agent has given. */
interface WorkloadIdentity {
  readonly id: string;
  readonly cert: string;
  readonly key: string;
  /** DER certificates of each trust domain. */
  readonly bundles: ReadonlyMap<string, readonly Buffer[]>;
}

const MAX_RESPONSE_BYTES = 4_194_304;

/** The bytes of a DER certificate begin with the tag of a SEQUENCE. */
const SEQUENCE = 0x30;

/**
 * Asks the agent, and makes the TLS options of one connection.
 * @throws CredentialsFault
 */
export async function spiffeCredentials(
  socket: string | undefined,
  tlsName: string,
  timeoutMs: number,
  cancellation: Cancellation,
): Promise<{ readonly tls: SecureOptions; readonly shownId: string }> {
  try {
    const identity = await fetchIdentity(addressOf(socket), timeoutMs, cancellation);
    return { tls: optionsOf(identity, tlsName), shownId: goQuote(identity.id) };
  } catch (error) {
    throw new CredentialsFault(`failed to initialize tls credentials with spiffe. error=${messageOf(error)}`);
  }
}

/** The texts of go-spiffe's workloadapi/addr.go. */
function addressOf(socket: string | undefined): ProbeAddress {
  if (socket === undefined) throw new Error("workload endpoint socket address is not configured");
  const unix = /^unix:\/\/([^?#]+)$/.exec(socket);
  if (unix?.[1] !== undefined) return { path: unix[1] };
  const [, host = "", port = ""] = /^tcp:\/\/\[?([^\]/?#@]*?)\]?:(\d+)$/.exec(socket) ?? [];
  if (isIP(host) > 0) return { host, port: Number(port), hostPort: `${host}:${port}` };
  if (socket.startsWith("tcp:")) throw new Error("workload endpoint tcp socket URI host component must be an IP:port");
  throw new Error('workload endpoint socket URI must have a "tcp" or "unix" scheme');
}

async function fetchIdentity(address: ProbeAddress, timeoutMs: number, cancellation: Cancellation) {
  const endsAt = probeClock.now() + timeoutMs;
  const connecting = await connectHttp2({ address, tls: undefined, timeoutMs }, cancellation);
  if ("failure" in connecting) {
    const { failure } = connecting;
    throw new Error("cause" in failure && failure.cause !== undefined ? failure.cause : "context deadline exceeded");
  }
  const { connection } = connecting;
  const cancelTimer = probeClock.setTimer(endsAt - probeClock.now(), () =>
    connection.close(new Error("context deadline exceeded")),
  );
  const stop = cancellation.onCancel(() => connection.close(new Error("context canceled")));
  try {
    return readIdentity(await firstMessage(connection));
  } finally {
    cancelTimer();
    stop();
    connection.close();
  }
}

/** The call goes on for ever: an agent sends each new SVID on it. */
function firstMessage(connection: Http2Connection): Promise<Buffer> {
  const head = encodeCallHead({
    scheme: "http",
    authority: "localhost",
    path: "/SpiffeWorkloadAPI/FetchX509SVID",
    metadata: [["workload.spiffe.io", "true"]],
  });
  return new Promise((resolve, reject) => {
    startCall(
      connection,
      { head, message: Buffer.alloc(0), maxMessageBytes: MAX_RESPONSE_BYTES },
      {
        onMessage: (message) => resolve(Buffer.from(message)),
        onEnd: (end) =>
          reject(new Error(hasStatus(end) ? `the agent ended the call: ${end.code} ${end.text}` : causeOf(end))),
      },
    );
  });
}

/** An X509SVIDResponse: the first SVID is the default one. */
function readIdentity(bytes: Buffer): WorkloadIdentity {
  const response = bytesFields(bytes);
  const [svid] = response.get(1) ?? [];
  if (svid === undefined) throw new Error("the agent has no SVID for this workload");
  const [id] = bytesFields(svid).get(1) ?? [];
  const [chain] = bytesFields(svid).get(2) ?? [];
  const [key] = bytesFields(svid).get(3) ?? [];
  const [bundle] = bytesFields(svid).get(4) ?? [];
  if (id === undefined || chain === undefined || key === undefined || bundle === undefined)
    throw new Error("the SVID of the agent is not complete");
  const bundles = new Map([[trustDomainOf(id.toString()), certificatesOf(bundle)]]);
  for (const entry of response.get(3) ?? []) {
    const [domain] = bytesFields(entry).get(1) ?? [];
    const [federated] = bytesFields(entry).get(2) ?? [];
    if (domain !== undefined && federated !== undefined)
      bundles.set(trustDomainOf(domain.toString()), certificatesOf(federated));
  }
  const cert = certificatesOf(chain).map((der) => pemOf("CERTIFICATE", der));
  return { id: id.toString(), cert: cert.join(""), key: pemOf("PRIVATE KEY", key), bundles };
}

/** The length-delimited fields of a message, by number. */
function bytesFields(bytes: Buffer): ReadonlyMap<number, readonly Buffer[]> {
  const fields = readFields(bytes);
  if (fields === undefined) throw new Error("the answer of the agent is not an X509SVIDResponse");
  const byNumber = new Map<number, Buffer[]>();
  for (const { number, wireType, start, end } of fields)
    if (wireType === LENGTH_DELIMITED)
      byNumber.set(number, [...(byNumber.get(number) ?? []), bytes.subarray(start, end)]);
  return byNumber;
}

/** Cuts DER certificates that follow each other without a separator. */
function certificatesOf(bytes: Buffer): readonly Buffer[] {
  const certificates: Buffer[] = [];
  for (let at = 0; at < bytes.length; ) {
    const first = bytes[at + 1] ?? 0;
    const lengthBytes = first < 0x80 ? 0 : first & 0x7f;
    const isWhole = bytes[at] === SEQUENCE && lengthBytes <= 4 && at + 2 + lengthBytes <= bytes.length;
    if (!isWhole) throw new Error("the agent has sent a certificate that cannot be read");
    const length = lengthBytes === 0 ? first : bytes.readUIntBE(at + 2, lengthBytes);
    const end = at + 2 + lengthBytes + length;
    if (end > bytes.length) throw new Error("the agent has sent a certificate that cannot be read");
    certificates.push(bytes.subarray(at, end));
    at = end;
  }
  return certificates;
}

function pemOf(label: string, der: Buffer): string {
  const lines = der.toString("base64").replaceAll(/.{64}(?!$)/g, "$&\n");
  return `-----BEGIN ${label}-----\n${lines}\n-----END ${label}-----\n`;
}

function trustDomainOf(id: string): string {
  return id.replace(/^spiffe:\/\//, "").replace(/\/.*$/s, "");
}

function optionsOf({ cert, key, bundles }: WorkloadIdentity, tlsName: string): SecureOptions {
  const ca = [...bundles.values()].flat().map((der) => pemOf("CERTIFICATE", der));
  return {
    ...tlsOptions(tlsName, { cert, key, ca: ca.join("") }, ["h2"]),
    checkServerIdentity: (_name, peer) => peerFault(peer, bundles),
  };
}

/** The chain is verified already, with the authorities of all trust domains. */
function peerFault(peer: PeerCertificate, bundles: WorkloadIdentity["bundles"]): Error | undefined {
  const ids = [...(peer.subjectaltname ?? "").matchAll(/(?:^|, )URI:([^,]*)/g)].map(([, uri = ""]) => uri);
  const [id] = ids;
  if (ids.length !== 1 || id === undefined || !id.startsWith("spiffe://"))
    return tlsError("the certificate of the server has no SPIFFE ID");
  const bundle = bundles.get(trustDomainOf(id));
  if (bundle === undefined) return tlsError(`no X.509 bundle found for trust domain: ${goQuote(trustDomainOf(id))}`);
  const isOfDomain = chainOf(peer).some((raw) => bundle.some((authority) => authority.equals(raw)));
  return isOfDomain ? undefined : tlsError(`the certificate of ${id} is by an authority of another trust domain`);
}

function tlsError(text: string): Error {
  return Object.assign(new Error(text), { code: "ERR_TLS_CERT_SPIFFE" });
}

function chainOf(peer: PeerCertificate): readonly Buffer[] {
  const chain: Buffer[] = [];
  // Node's type leaves out that the last of a chain has no issuer, or itself
  for (let each: (PeerCertificate & { issuerCertificate?: PeerCertificate }) | undefined = peer; each?.raw; ) {
    const { raw } = each;
    if (chain.some((other) => other.equals(raw))) break;
    chain.push(raw);
    each = each.issuerCertificate;
  }
  return chain;
}
