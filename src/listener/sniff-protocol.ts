/**
 * Finds out which protocol a connection in clear text speaks, before a transport gets it.
 *
 *     accepted --> first byte within 5 s, the rest of a preface within 5 s more --> protocol known, bytes put back
 *                                      | no: refused
 *
 * An HTTP/2 client begins with a preface of 24 fixed bytes (RFC 9113, section 3.4), which may arrive one by one. All
 * other bytes go to the HTTP/1 parser, which refuses what it cannot read.
 */
import type { Socket } from "node:net";
import type { Clock } from "../core/clock.js";
import { PREFACE } from "../wire/http2/frame-reader.js";
import { readFirstBytes } from "./first-bytes.js";

/** Takes over a connection. `client` is the address of its client, for logs. */
export type ConnectionSink = (socket: Socket, client: string) => void;

/** The transport of each protocol. */
export interface Sinks {
  readonly http1: ConnectionSink;
  readonly http2: ConnectionSink;
}

/** Takes every connection in clear text as it is. Its bytes are not looked at before. */
export interface RawSink {
  readonly raw: ConnectionSink;
}

/** Options of `sniffProtocol`. One of the two callbacks is called, once, unless the socket closes before. */
export interface SniffOptions {
  readonly clock: Clock;
  readonly firstBytesTimeoutMs: number;
  /** Called with the name of the rule that the connection broke. */
  readonly onRefused: (rule: string) => void;
  /** Called when the protocol is known. All bytes can still be read from the socket. */
  readonly onKnown: (protocol: keyof Sinks) => void;
}

/** Waits for the first bytes of a connection. Releases everything when a callback is called or the socket closes. */
export function sniffProtocol(socket: Socket, options: SniffOptions): void {
  readFirstBytes(socket, {
    clock: options.clock,
    timeoutMs: options.firstBytesTimeoutMs,
    rules: { silent: "first-byte-timeout", unfinished: "preface-timeout" },
    judge: (bytes) => {
      const protocol = guessProtocol(bytes);
      if (protocol === "undecided") return "more";
      if (protocol === "tls") return { rule: "tls-on-plain-port" };
      return { taken: 0, next: () => options.onKnown(protocol) };
    },
    onRefused: options.onRefused,
  });
}

/** The first byte of a TLS handshake (RFC 8446, section 5.1). */
const TLS_HANDSHAKE = 0x16;

/** What the first bytes of a connection mean. */
export type ProtocolGuess = "http1" | "http2" | "tls" | "undecided";

/** The protocol of a connection that begins with these bytes. */
export function guessProtocol(bytes: Uint8Array): ProtocolGuess {
  if (bytes.length === 0) return "undecided";
  if (bytes[0] === TLS_HANDSHAKE) return "tls";
  const length = Math.min(bytes.length, PREFACE.length);
  if (PREFACE.compare(bytes, 0, length, 0, length) !== 0) return "http1";
  return length === PREFACE.length ? "http2" : "undecided";
}
