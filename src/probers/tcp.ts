/** `tcp://host:port` and `unix:///path`: passes when a connection can be made. */
import { connect, type NetConnectOpts } from "node:net";
import { connectOptions } from "../client/connecting.js";
import { resultOfBreak } from "./broken.js";
import type { ProberDeps } from "./options.js";
import { PASS, type ProbeContext, type Prober } from "./prober.js";
import { hostOf, invalidTarget } from "./target.js";
import { untilReady } from "./until-ready.js";

/** A prober of a TCP port. */
export function openTcp(target: URL, { resolver }: ProberDeps): Prober {
  const address = { host: hostOf(target), port: Number(target.port), resolver };
  return connecting(({ timeoutMs }) => connectOptions({ ...address, timeoutMs }));
}

/** A prober of a unix socket. */
export function openUnix(target: URL): Prober {
  const path = decodeURIComponent(target.pathname);
  if (target.host !== "" || path.length < 2)
    throw invalidTarget(target.href, "a path is expected, such as unix:///run/service.sock");
  return connecting(() => ({ path }));
}

/** Each probe makes a connection and ends it. */
function connecting(optionsOf: (context: ProbeContext) => NetConnectOpts): Prober {
  return {
    async probe(context) {
      const socket = connect(optionsOf(context));
      try {
        await untilReady(socket, "connect", context.signal);
        return PASS;
      } catch (error) {
        return resultOfBreak(error);
      } finally {
        socket.destroy();
      }
    },
    close() {},
  };
}
