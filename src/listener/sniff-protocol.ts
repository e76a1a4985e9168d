/**
 * What happens to a connection in clear text before a transport gets it.
 *
 *     accepted --> first byte within 5 s, the rest of a preface within 5 s more --> protocol known, bytes put back
 *                                      | no: refused
 *
 * A client that connects and says nothing costs a socket for five seconds and no more.
 */
import type { Socket } from "node:net";
import type { Clock } from "../core/clock.js";
import { guessProtocol } from "./protocol.js";

/** Takes over a connection. */
export type ConnectionSink = (socket: Socket) => void;

/** Who takes which connection. */
export interface Sinks {
  readonly http1: ConnectionSink;
  readonly http2: ConnectionSink;
}

/** How a connection is asked what it speaks, and who hears of it: one of the two, once, unless it closes before. */
export interface SniffOptions {
  readonly clock: Clock;
  readonly firstBytesTimeoutMs: number;
  /** Called with the name of the rule that the connection broke. */
  readonly onRefused: (rule: string) => void;
  /** Called when the protocol is known; every byte is still there to be read. */
  readonly onKnown: (protocol: keyof Sinks) => void;
}

/** Waits for the first bytes of a connection. Holds nothing once either callback was called or the socket closed. */
export function sniffProtocol(socket: Socket, options: SniffOptions): void {
  const { clock, firstBytesTimeoutMs } = options;
  let seen: Buffer = Buffer.alloc(0);
  let cancelTimer = clock.setTimer(firstBytesTimeoutMs, () => refuse("first-byte-timeout"));

  const leave = () => {
    cancelTimer();
    socket.off("readable", onReadable);
    socket.off("end", onEnd);
    socket.off("close", leave);
  };
  const refuse = (rule: string) => {
    leave();
    options.onRefused(rule);
  };
  // a TCP probe connects and closes: that is its whole question, and no rule is broken
  const onEnd = () => {
    leave();
    socket.destroy();
  };
  const onReadable = () => {
    const bytes: Buffer | null = socket.read();
    if (bytes === null) return; // the end of the stream: `end` follows
    if (seen.length === 0) {
      cancelTimer();
      cancelTimer = clock.setTimer(firstBytesTimeoutMs, () => refuse("preface-timeout"));
    }
    seen = Buffer.concat([seen, bytes]);
    const protocol = guessProtocol(seen);
    if (protocol === "undecided") return;
    if (protocol === "tls") return refuse("tls-on-plain-port");
    leave();
    socket.unshift(seen);
    options.onKnown(protocol);
  };
  socket.on("readable", onReadable);
  socket.on("end", onEnd);
  socket.on("close", leave);
}
