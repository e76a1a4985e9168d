/**
 * `tcp://host:port` and `unix:///path`: passes when a connection can be made.
 *
 * Each probe makes a connection and ends it.
 */
import { connect as connectSocket, type Socket } from "node:net";
import { BrokenCall } from "../client/broken-call.js";
import { connectOptions } from "../client/target-socket.js";
import type { ProberDeps } from "./options.js";
import { PASS, type ProbeContext, type Prober } from "./prober.js";
import { resultOfError } from "./reasons.js";
import { hostOf, socketPathOf } from "./target.js";

/** A prober of a TCP port. */
export function openTcp(target: URL, { resolver }: ProberDeps): Prober {
  const address = { host: hostOf(target), port: Number(target.port), resolver };
  return connecting(({ timeoutMs }) => connectSocket(connectOptions({ ...address, timeoutMs })));
}

/** A prober of a unix socket. */
export function openUnix(target: URL): Prober {
  const path = socketPathOf(target, "unix:///run/service.sock");
  return connecting(() => connectSocket({ path }));
}

function connecting(connect: (context: ProbeContext) => Socket): Prober {
  return {
    async probe(context) {
      const socket = connect(context);
      try {
        await untilReady(socket, context.signal);
        return PASS;
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
function untilReady(socket: Socket, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const onAbort = () => reject(new BrokenCall("cancelled", "the deadline is over"));
    socket.once("connect", () => resolve());
    socket.on("error", reject);
    socket.once("close", () => {
      signal.removeEventListener("abort", onAbort);
      reject(new BrokenCall("closed", "the connection ended before it was ready"));
    });
    if (signal.aborted) onAbort();
    else signal.addEventListener("abort", onAbort, { once: true });
  });
}
