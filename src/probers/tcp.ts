/** `tcp://host:port`: passes when a connection can be made. */
import { once } from "node:events";
import { connect } from "node:net";
import { connectOptions } from "../client/connecting.js";
import type { ProbingMeans } from "./options.js";
import { PASS, type Prober } from "./prober.js";
import { resultOfError } from "./reasons.js";
import { hostOf } from "./target.js";

/** A prober of a TCP port. Each probe makes a connection and ends it. */
export function openTcp(target: URL, { resolver }: ProbingMeans): Prober {
  const address = { host: hostOf(target), port: Number(target.port), resolver };
  return {
    async probe({ signal, timeoutMs }) {
      const socket = connect({ ...connectOptions({ ...address, timeoutMs }), signal });
      try {
        await once(socket, "connect");
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
