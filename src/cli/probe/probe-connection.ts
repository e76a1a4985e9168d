/**
 * Opens the connection of a probe: TCP or a Unix socket, TLS, and HTTP/2 up to the SETTINGS of the server. That is what
 * grpc-go calls connected; calls have a timeout of their own.
 *
 * grpc-go tries again after each error, until the timeout is over. Here, an error ends the attempt with its cause.
 */
import type { TargetAddress } from "../../client/connection-attempts.js";
import { Http2Connection } from "../../client/http2-connection.js";
import type { Resolver } from "../../client/resolver.js";
import { createReadBuffer, TargetSocket } from "../../client/target-socket.js";
import type { SecureOptions } from "../../client/tls-options.js";
import type { TokenRate } from "../../core/token-bucket.js";
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
    let ended: ServiceOutcome | Promise<ServiceOutcome> | undefined;
    const end = (outcome: ServiceOutcome | Promise<ServiceOutcome>) => {
      ended = outcome;
      connection.close();
    };
    const cancelTimer = probeClock.setTimer(timeoutMs, () => end(lateConnection(connection.connectError, timeoutMs)));
    const stop = cancellation.onCancel(() => end(CANCELLED));
    connection.greet((error) => {
      cancelTimer();
      stop();
      if (error === undefined) resolve({ connection });
      else resolve(Promise.resolve(ended ?? failedConnection(error, plan, socket)).then((failure) => ({ failure })));
    });
    if (cancellation.isCancelled) end(CANCELLED);
  });
}

async function failedConnection(error: Error, plan: ConnectionPlan, socket: TargetSocket): Promise<ServiceOutcome> {
  const { tlsHint, unconnected } = await import("./probe-cause.js");
  const secured = socket.alpnProtocol === undefined ? "begun" : "established";
  return unconnected(error, plan.timeoutMs, tlsHint(error, plan.tls === undefined ? "none" : secured));
}

async function lateConnection(error: Error | undefined, timeoutMs: number): Promise<ServiceOutcome> {
  return (await import("./probe-cause.js")).unconnected(error, timeoutMs);
}

const CANCELLED = { kind: "refused", cause: "context canceled" } as const satisfies ServiceOutcome;

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
