/**
 * `http://`, `https://` and `http+unix://`: passes when the answer is as `expect` says, by default a status from 200 to
 * 299. Of `http+unix://%2Frun%2Fx.sock/path`, the host is the path of a Unix socket, percent-encoded.
 *
 * A redirect is a failure and is not followed: a target could point healthbridge at any address (Consul's
 * CVE-2022-29153). The first 64 KiB of a body are read; if there is more, they decide, and the connection is closed.
 *
 * Node's own client builds streams, an agent and a parser for each request. The request of a probe is always the same
 * bytes, and its answer is read once; straight on the socket that costs a quarter of the CPU (bench/README.md).
 */
import type { TargetAddress } from "../client/connection-attempts.js";
import { exchange } from "../client/exchange.js";
import { type HttpResponse, ResponseReader } from "../client/http-response.js";
import { ReusedConnection } from "../client/reused-connection.js";
import { TargetSocket } from "../client/target-socket.js";
import { tlsOptions } from "../client/tls-options.js";
import { compileExpectation } from "./expectation.js";
import { requestOf } from "./http-request.js";
import { type ProberDeps, type ProberOptions, reuseOptionsOf } from "./options.js";
import { type ProbeResult, type Prober, withCertificate } from "./prober.js";
import { resultOfError } from "./reasons.js";
import { hostOf, socketPathOf } from "./target.js";

/** A GET of a path, and what its answer means. */
export interface HttpProbe {
  readonly path: string;
  readonly judge: (response: HttpResponse) => ProbeResult;
  /** More bytes of a body are not read. Default 64 KiB. */
  readonly maxBodyBytes?: number;
}

const DEFAULT_MAX_BODY_BYTES = 65_536;

/** A prober of a web address. It keeps one connection, unless `reuse` is false. */
export function openHttp(target: URL, deps: ProberDeps, options: ProberOptions): Prober {
  const probe = { path: `${target.pathname || "/"}${target.search}`, judge: compileExpectation(options.expect) };
  return openHttpProbe(target, probe, deps, options);
}

/** A prober of one path, over TLS where the scheme ends with `https`. */
export function openHttpProbe(
  target: URL,
  { path, judge, maxBodyBytes = DEFAULT_MAX_BODY_BYTES }: HttpProbe,
  deps: ProberDeps,
  options: ProberOptions,
): Prober {
  const secure = target.protocol.endsWith("https:");
  const tls = secure ? tlsOptions(hostOf(target), options.tls, ["http/1.1"]) : undefined;
  const address = { ...addressOf(target, deps), readBuffer: deps.readBuffer, tls, closesByReset: true };
  const request = requestOf(target, path, options);
  const connection = new ReusedConnection(
    (timeoutMs) => new TargetSocket(address, timeoutMs),
    reuseOptionsOf(options, deps),
  );
  const ask = (socket: TargetSocket) => exchange(socket, request, new ResponseReader(maxBodyBytes));
  return {
    async probe({ timeoutMs }) {
      try {
        const response = await connection.call(timeoutMs, ask);
        if (!response.isReusable) connection.close();
        const result = judge(response);
        if (!secure) return result;
        return withCertificate(result, connection.certificateEndsAt, deps.clock.wallTime(), options.tls?.warnBeforeMs);
      } catch (error) {
        return resultOfError(error);
      }
    },
    cancel: () => connection.cancel(),
    close: () => connection.close(),
  };
}

function addressOf(target: URL, { resolver }: ProberDeps): TargetAddress {
  if (target.protocol === "http+unix:") return { path: socketPathOf(target, "http+unix://%2Frun%2Fx.sock/path") };
  const port = Number(target.port) || (target.protocol.endsWith("https:") ? 443 : 80);
  return { host: hostOf(target), port, resolver };
}
