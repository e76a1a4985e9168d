/**
 * Finds out which protocol a connection in clear text speaks, before a transport gets it.
 *
 *     accepted --> first byte within 5 s, the rest of a preface within 5 s more --> protocol known, bytes put back
 *                                      | no: refused
 *
 * An HTTP/2 client begins with a preface of 24 fixed bytes (RFC 9113, section 3.4), which may arrive one by one. All
 * other bytes go to the HTTP/1 parser, which refuses what it cannot read. A client that connects and sends nothing costs
 * one socket for five seconds.
 */
import type { Socket } from "node:net";
import type { Clock } from "../core/clock.js";
import { PREFACE } from "../wire/http2/frame-reader.js";

/** Takes over a connection. */
export type ConnectionSink = (socket: Socket) => void;

/** The transport of each protocol. */
export interface Sinks {
  readonly http1: ConnectionSink;
  readonly http2: ConnectionSink;
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
  const { clock, firstBytesTimeoutMs } = options;
  let received: Buffer = Buffer.alloc(0);
  let cancelTimer = clock.setTimer(firstBytesTimeoutMs, () => refuse("first-byte-timeout"));

  const release = () => {
    cancelTimer();
    socket.off("readable", onReadable);
    socket.off("end", onEnd);
    socket.off("close", release);
  };
  const refuse = (rule: string) => {
    release();
    options.onRefused(rule);
  };
  // a TCP probe connects and closes, and breaks no rule
  const onEnd = () => {
    release();
    socket.destroy();
  };
  const onReadable = () => {
    const bytes: Buffer | null = socket.read();
    if (bytes === null) return; // the end of the stream: `end` follows
    if (received.length === 0) {
      cancelTimer();
      cancelTimer = clock.setTimer(firstBytesTimeoutMs, () => refuse("preface-timeout"));
    }
    received = Buffer.concat([received, bytes]);
    const protocol = guessProtocol(received);
    if (protocol === "undecided") return;
    if (protocol === "tls") return refuse("tls-on-plain-port");
    release();
    socket.unshift(received);
    options.onKnown(protocol);
  };
  socket.on("readable", onReadable);
  socket.on("end", onEnd);
  socket.on("close", release);
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
