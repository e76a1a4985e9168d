/**
 * `tls://host:port`: passes when the handshake succeeds and the certificate is good: its chain, its name, its time.
 *
 * A certificate that ends soon is a flaw; the first of the chain to end counts.
 */
import { connect } from "node:tls";
import { connectOptions } from "../client/connecting.js";
import { certificateEnd, tlsOptions } from "../client/tls-options.js";
import { resultOfBreak } from "./broken.js";
import { withCertificate } from "./certificate.js";
import type { ProberDeps, ProberOptions } from "./options.js";
import { PASS, type Prober } from "./prober.js";
import { hostOf } from "./target.js";
import { untilReady } from "./until-ready.js";

/** A prober of a TLS port. Each probe makes a connection and ends it. */
export function openTls(target: URL, { clock, resolver }: ProberDeps, { tls }: ProberOptions): Prober {
  const host = hostOf(target);
  const port = Number(target.port);
  const secure = tlsOptions(host, tls);
  return {
    async probe({ signal, timeoutMs }) {
      const socket = connect({ ...connectOptions({ host, port, resolver, timeoutMs }), ...secure });
      try {
        await untilReady(socket, "secureConnect", signal);
        return withCertificate(PASS, certificateEnd(socket), clock.wallTime(), tls?.warnBeforeMs);
      } catch (error) {
        return resultOfBreak(error);
      } finally {
        socket.destroy();
      }
    },
    close() {},
  };
}
