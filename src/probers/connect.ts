/**
 * `tcp://host:port` and `unix:///path`: passes when a connection can be made.
 * `tls://host:port`: passes when the handshake succeeds too and the certificate is valid: its chain, its name, its time.
 *
 * Each probe makes a connection and ends it.
 */
import type { Socket } from "node:net";
import { type ConnectionOptions, connect as connectTls, type TLSSocket } from "node:tls";
import { BrokenCall } from "../client/broken-call.js";
import { connectTo, type TargetAddress } from "../client/connection-attempts.js";
import { certificateEnd, tlsOptions } from "../client/tls-options.js";
import type { ProberDeps, ProberOptions } from "./options.js";
import { PASS, type ProbeContext, type ProbeResult, type Prober, withCertificate } from "./prober.js";
import { resultOfError } from "./reasons.js";
import { hostOf, socketPathOf } from "./target.js";

/** A prober of a TCP port. */
export function openTcp(target: URL, { resolver }: ProberDeps): Prober {
  return connecting({ host: hostOf(target), port: Number(target.port), resolver }, async () => PASS);
}

/** A prober of a unix socket. */
export function openUnix(target: URL): Prober {
  return connecting({ path: socketPathOf(target, "unix:///run/service.sock") }, async () => PASS);
}

/** A prober of a TLS port. A certificate that expires soon is a `warn`; the first of the chain to expire counts. */
export function openTls(target: URL, { clock, resolver }: ProberDeps, { tls }: ProberOptions): Prober {
  const host = hostOf(target);
  const secure = tlsOptions(host, tls);
  return connecting({ host, port: Number(target.port), resolver }, async (socket, { signal }) => {
    const secured = await handshake(socket, secure, signal);
    return withCertificate(PASS, certificateEnd(secured), clock.wallTime(), tls?.warnBeforeMs);
  });
}

/** @param ask what follows the connection, and decides */
function connecting(
  address: TargetAddress,
  ask: (socket: Socket, context: ProbeContext) => Promise<ProbeResult>,
): Prober {
  return {
    async probe(context) {
      let socket: Socket | undefined;
      try {
        ({ socket } = await connectTo(address, context.timeoutMs, context.signal));
        socket.on("error", () => {}); // a reset after the connection was made
        return await ask(socket, context);
      } catch (error) {
        return resultOfError(error);
      } finally {
        socket?.destroy();
      }
    },
    close() {},
  };
}

/** Later errors of the socket are ignored: without a listener, they would end the process. */
function handshake(tcp: Socket, options: ConnectionOptions, signal: AbortSignal): Promise<TLSSocket> {
  return new Promise((resolve, reject) => {
    const socket = connectTls({ ...options, socket: tcp });
    const onAbort = () => reject(new BrokenCall("cancelled", "the deadline is over"));
    tcp.on("error", reject);
    socket.once("secureConnect", () => resolve(socket));
    socket.on("error", reject);
    socket.once("close", () => {
      signal.removeEventListener("abort", onAbort);
      reject(new BrokenCall("closed", "the connection ended before it was ready"));
    });
    if (signal.aborted) onAbort();
    else signal.addEventListener("abort", onAbort, { once: true });
  });
}
