/**
 * Opens the connection of a probe: TCP or a Unix socket, TLS, and HTTP/2 up to the SETTINGS of the server. That is what
 * grpc-go calls connected; calls have a timeout of their own.
 *
 * grpc-go tries again after each error, until the timeout is over. Here, an error ends the attempt with its cause.
 */

import { BrokenCall } from "../../client/broken-call.js";
import type { TargetAddress } from "../../client/connection-attempts.js";
import { Http2Connection } from "../../client/http2-connection.js";
import type { Resolver } from "../../client/resolver.js";
import { createReadBuffer, TargetSocket } from "../../client/target-socket.js";
import type { SecureOptions } from "../../client/tls-options.js";
import { messageOf } from "../../core/health-error.js";
import type { TokenRate } from "../../core/token-bucket.js";
import { REASONS, resultOfError } from "../../probers/reasons.js";
import type { Cancellation } from "./cancellation.js";
import { probeClock } from "./probe-clock.js";
import type { ServiceOutcome } from "./probe-outcome.js";
import type { ProbeAddress } from "./probe-target.js";

/** Where to connect, and how. */
export interface ConnectionPlan {
  readonly address: ProbeAddress;
  readonly tls: SecureOptions | undefined;
  readonly timeoutMs: number;
  /** What the server may send. Default: what Check and Watch need. */
  readonly frameRate?: TokenRate | undefined;
}

/** A connection, or why there is none. */
export type Connecting = { readonly connection: Http2Connection } | { readonly failure: ServiceOutcome };

/** Opens a connection. It never rejects. */
export function connectHttp2(plan: ConnectionPlan, cancellation: Cancellation): Promise<Connecting> {
  const { address, tls, timeoutMs, frameRate } = plan;
  const options = { ...targetAddress(address), tls, readBuffer: createReadBuffer() };
  const socket = new TargetSocket(options, timeoutMs);
  const connection = new Http2Connection(socket, probeClock, frameRate);
  return new Promise((resolve) => {
    let failure: ServiceOutcome | undefined;
    const end = (outcome: ServiceOutcome) => {
      failure = outcome;
      connection.close();
    };
    const cancelTimer = probeClock.setTimer(timeoutMs, () => end(unconnected(connection.connectError, timeoutMs)));
    const stop = cancellation.onCancel(() => end(CANCELLED));
    connection.greet((error) => {
      cancelTimer();
      stop();
      if (error === undefined) resolve({ connection });
      else resolve({ failure: failure ?? unconnected(error, timeoutMs, tlsHint(error, tls !== undefined)) });
    });
    if (cancellation.isCancelled) end(CANCELLED);
  });
}

const CANCELLED = { kind: "refused", cause: "context canceled" } as const satisfies ServiceOutcome;

/** Without an error, the server was silent until the deadline. */
export function unconnected(error: Error | undefined, timeoutMs: number, hint = ""): ServiceOutcome {
  return { kind: "unconnected", cause: error && `${causeOf(error)}${hint}`, timeoutMs };
}

/** Many servers close a connection without an error if only one of both sides uses TLS. */
function tlsHint(error: Error, isTls: boolean): string {
  if (!(error instanceof BrokenCall) || error.kind !== "closed") return "";
  return `; the server may ${isTls ? "have no TLS: try without" : "require TLS: try"} -tls`;
}

/** Why a connection or a call failed, in words. */
export function causeOf(error: unknown): string {
  try {
    const { reason, detail } = resultOfError(error);
    return reason === undefined ? messageOf(error) : `${REASONS[reason]} (${detail})`;
  } catch {
    return messageOf(error); // a fault of this machine
  }
}

export function targetAddress(address: ProbeAddress): TargetAddress {
  if ("path" in address) return address;
  return { host: address.host, port: address.port, resolver: lazyResolver(address.nameServer) };
}

/** The resolver of the daemon, which is loaded for a name only: most probes have an address, or `localhost`. */
function lazyResolver(nameServer: string | undefined): Resolver {
  return {
    clock: probeClock,
    resolve(name, listener) {
      let isWanted = true;
      let stop = () => {};
      void import("../../client/resolver.js").then(({ NameResolver }) => {
        if (!isWanted) return;
        const servers = nameServer === undefined ? undefined : [nameServer];
        stop = new NameResolver({ clock: probeClock, allowLinkLocal: true, servers }).resolve(name, listener);
      });
      return () => {
        isWanted = false;
        stop();
      };
    },
    hasMoved: () => false,
    permits: () => true,
    takeAttempt: () => true,
    releaseAttempt: () => {},
  };
}
