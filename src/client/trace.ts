/**
 * What one probe does, step by step: for `healthbridge test`. When checks are served, nothing is traced.
 *
 *     resolving --> resolved | unresolved --> connecting --> connected | unconnected --> secured --> received
 *                                             (one pair for each address)                TLS         first byte
 */
import type { Socket } from "node:net";
import type { DetailedPeerCertificate, TLSSocket } from "node:tls";

/** Receives each step when it happens. */
export type Trace = (step: TraceStep) => void;

/** An address and port, or the path of a Unix socket. */
export type TracedAddress = string;

export type TraceStep =
  | { readonly kind: "resolving"; readonly name: string }
  | { readonly kind: "resolved"; readonly name: string; readonly addresses: readonly string[] }
  | { readonly kind: "unresolved"; readonly name: string; readonly error: Error }
  | { readonly kind: "connecting" | "connected"; readonly address: TracedAddress }
  | { readonly kind: "unconnected"; readonly address: TracedAddress; readonly error: Error | undefined }
  /** The handshake is complete. The certificate has not been verified yet. */
  | { readonly kind: "secured"; readonly tls: TlsSession }
  /** The certificate has been verified; `error` is why it is not trusted. */
  | { readonly kind: "verified"; readonly error: string | undefined }
  | { readonly kind: "received" }
  /** What the target has answered, in a few words and without its own text. */
  | { readonly kind: "answered"; readonly text: string };

/** What a handshake has agreed on, and the certificates that the target has shown. */
export interface TlsSession {
  readonly version: string;
  readonly cipher: string;
  /** The protocol that ALPN has chosen. */
  readonly protocol: string | undefined;
  /** The name that was asked for (SNI). */
  readonly serverName: string | undefined;
  /** The certificate of the target first. */
  readonly chain: readonly TracedCertificate[];
}

export interface TracedCertificate {
  readonly subject: string;
  readonly issuer: string;
  /** The names and addresses that it is for. */
  readonly names: readonly string[];
  /** Wall times. */
  readonly validFrom: number;
  readonly validTo: number;
}

/**
 * Traces the handshake of a socket that has not completed it. Node verifies the certificate in its own listener of
 * `secure`, and closes the socket when it refuses it: the session is read before that.
 */
export function traceTls(socket: Socket, trace: Trace): void {
  if (!isTls(socket)) return;
  let isSecured = false;
  socket.prependOnceListener("secure", () => {
    isSecured = true;
    trace({ kind: "secured", tls: sessionOf(socket) });
  });
  const onVerified = (error: string | undefined) => {
    socket.off("error", onError);
    trace({ kind: "verified", error });
  };
  // an error after the handshake and before the verification has succeeded is that of the certificate
  const onError = (error: Error) => {
    if (isSecured) onVerified("code" in error ? `${error.code} ${error.message}` : error.message);
  };
  socket.on("error", onError);
  socket.once("secureConnect", () => {
    const { authorized, authorizationError } = socket;
    onVerified(authorized ? undefined : String(authorizationError));
  });
}

/** By its method: this file does not load `node:tls`. */
function isTls(socket: Socket): socket is TLSSocket {
  return "getPeerCertificate" in socket;
}

function sessionOf(socket: TLSSocket): TlsSession {
  // of a client's socket, Node's type leaves `servername` out
  const { servername } = socket as { readonly servername?: string | false };
  return {
    version: socket.getProtocol() ?? "unknown",
    cipher: socket.getCipher().name,
    protocol: socket.alpnProtocol || undefined,
    serverName: servername || undefined,
    chain: chainOf(socket.getPeerCertificate(true)),
  };
}

function chainOf(leaf: DetailedPeerCertificate): readonly TracedCertificate[] {
  const chain: TracedCertificate[] = [];
  const seen = new Set<string>();
  // Node's type leaves out that the last of a chain has no issuer, or itself, and that there may be no certificate
  let certificate: Partial<DetailedPeerCertificate> | undefined = leaf;
  while (certificate?.fingerprint256 !== undefined && !seen.has(certificate.fingerprint256)) {
    seen.add(certificate.fingerprint256);
    chain.push({
      subject: distinguishedName(certificate.subject),
      issuer: distinguishedName(certificate.issuer),
      names: namesOf(certificate.subjectaltname),
      validFrom: Date.parse(certificate.valid_from ?? ""),
      validTo: Date.parse(certificate.valid_to ?? ""),
    });
    certificate = certificate.issuerCertificate;
  }
  return chain;
}

/** `CN=example.com, O=Example`: a field may have several values. */
function distinguishedName(fields: object = {}): string {
  return Object.entries(fields)
    .flatMap(([field, value]) => [value].flat().map((each) => `${field}=${String(each)}`))
    .reverse()
    .join(", ");
}

/** Node writes `DNS:a.example, IP Address:10.0.0.1`, and puts a name with special characters in quotation marks. */
export function namesOf(text = ""): readonly string[] {
  return [...text.matchAll(/(?:^|, )([A-Za-z ]+):("(?:[^"\\]|\\.)*"|[^,]*)/g)].map(([, kind, name = ""]) =>
    kind === "DNS" || kind === "IP Address" ? name : `${kind}:${name}`,
  );
}
