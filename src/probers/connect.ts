/**
 * `tcp://host:port` and `unix:///path`: passes when a connection can be made.
 * `tls://host:port`: passes when the handshake succeeds too and the certificate is valid: its chain, its name, its time.
 *
 * Each probe makes a connection and ends it.
 */
import { connect as connectSocket, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import { BrokenCall } from "../client/broken-call.js";
import { connectOptions } from "../client/target-socket.js";
import { certificateEnd, tlsOptions } from "../client/tls-options.js";
import type { ProberDeps, ProberOptions } from "./options.js";
import { PASS, type ProbeContext, type ProbeResult, type Prober, withCertificate } from "./prober.js";
import { resultOfError } from "./reasons.js";
import { hostOf, socketPathOf } from "./target.js";

/** A prober of a TCP port. */
export function openTcp(target: URL, { resolver }: ProberDeps): Prober {
  const address = { host: hostOf(target), port: Number(target.port), resolver };
  return connecting({
    connect: ({ timeoutMs }) => connectSocket(connectOptions({ ...address, timeoutMs })),
    readyEvent: "connect",
    resultOf: () => PASS,
  });
}

/** A prober of a unix socket. */
export function openUnix(target: URL): Prober {
  const path = socketPathOf(target, "unix:///run/service.sock");
  return connecting({ connect: () => connectSocket({ path }), readyEvent: "connect", resultOf: () => PASS });
}

/** A prober of a TLS port. A certificate that expires soon is a `warn`; the first of the chain to expire counts. */
export function openTls(target: URL, { clock, resolver }: ProberDeps, { tls }: ProberOptions): Prober {
  const address = { host: hostOf(target), port: Number(target.port), resolver };
  const secure = tlsOptions(address.host, tls);
  return connecting({
    connect: ({ timeoutMs }) => connectTls({ ...connectOptions({ ...address, timeoutMs }), ...secure }),
    readyEvent: "secureConnect",
    resultOf: (socket) => withCertificate(PASS, certificateEnd(socket), clock.wallTime(), tls?.warnBeforeMs),
  });
}

/** How a connection is made, and what it says. */
interface Attempt<Connected extends Socket> {
  readonly connect: (context: ProbeContext) => Connected;
  readonly readyEvent: "connect" | "secureConnect";
  readonly resultOf: (socket: Connected) => ProbeResult;
}

function connecting<Connected extends Socket>({ connect, readyEvent, resultOf }: Attempt<Connected>): Prober {
  return {
    async probe(context) {
      const socket = connect(context);
      try {
        await untilReady(socket, readyEvent, context.signal);
        return resultOf(socket);
      } catch (error) {
        return resultOfError(error);
      } finally {
        socket.destroy();
      }
    },
    close() {},
  };
}

/** Later errors of the socket are ignored: without a listener, they would end the process. */
function untilReady(socket: Socket, readyEvent: string, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const onAbort = () => reject(new BrokenCall("cancelled", "the deadline is over"));
    socket.once(readyEvent, () => resolve());
    socket.on("error", reject);
    socket.once("close", () => {
      signal.removeEventListener("abort", onAbort);
      reject(new BrokenCall("closed", "the connection ended before it was ready"));
    });
    if (signal.aborted) onAbort();
    else signal.addEventListener("abort", onAbort, { once: true });
  });
}
