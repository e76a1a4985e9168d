/**
 * Which protocol does a connection in clear text speak? Its first bytes tell.
 *
 * An HTTP/2 client opens with a preface of 24 fixed bytes (RFC 9113, section 3.4); they may come one by one, so
 * the answer may be "not known yet". Everything else is left to the HTTP/1 parser, which refuses what it can't read.
 */

/** The first bytes of every HTTP/2 connection. */
const PREFACE = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "latin1");

/** The first byte of a TLS handshake. */
const TLS_HANDSHAKE = 0x16;

/** What the bytes so far say. */
export type ProtocolGuess = "http1" | "http2" | "tls" | "undecided";

/** Tells the protocol of a connection from the bytes that it opened with. */
export function guessProtocol(bytes: Uint8Array): ProtocolGuess {
  if (bytes.length === 0) return "undecided";
  if (bytes[0] === TLS_HANDSHAKE) return "tls";
  const length = Math.min(bytes.length, PREFACE.length);
  if (PREFACE.compare(bytes, 0, length, 0, length) !== 0) return "http1";
  return length === PREFACE.length ? "http2" : "undecided";
}
