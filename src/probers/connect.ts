/**
 * `tcp://host:port` and `unix:///path`: pass when a connection can be made.
 *
 * Each probe makes a connection and ends it.
 */
import { connectTo, type TargetAddress } from "../client/connection-attempts.js";
import type { ProberDeps } from "./options.js";
import { PASS, type Prober } from "./prober.js";
import { resultOfError } from "./reasons.js";
import { hostOf, socketPathOf } from "./target.js";

/** A prober of a TCP port. */
export function openTcp(target: URL, { resolver }: ProberDeps): Prober {
  return connecting({ host: hostOf(target), port: Number(target.port), resolver });
}

/** A prober of a unix socket. */
export function openUnix(target: URL): Prober {
  return connecting({ path: socketPathOf(target, "unix:///run/service.sock") });
}

function connecting(address: TargetAddress): Prober {
  return {
    async probe({ timeoutMs, signal }) {
      try {
        const { socket } = await connectTo(address, timeoutMs, signal);
        socket.on("error", () => {}); // a reset after the connection was made
        socket.destroy();
        return PASS;
      } catch (error) {
        return resultOfError(error);
      }
    },
    close() {},
  };
}
