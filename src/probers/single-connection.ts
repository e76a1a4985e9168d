/**
 * The frame of a prober that makes a connection for each probe: the deadline ends it, the certificate is read, and it is
 * closed afterwards.
 */
import { BrokenCall } from "../client/broken-call.js";
import { TargetSocket, type TargetSocketOptions } from "../client/target-socket.js";
import type { Clock } from "../core/clock.js";
import type { DurationLike } from "../core/duration.js";
import { type ProbeContext, type ProbeResult, type Prober, withCertificate } from "./prober.js";
import { resultOfError } from "./reasons.js";

export interface SingleConnectionOptions {
  readonly address: TargetSocketOptions;
  readonly clock: Clock;
  readonly warnBefore?: DurationLike | undefined;
}

/** @param ask what is said on a connection, and decides; it may begin before the connection is made */
export function openSingleConnection(
  { address, clock, warnBefore }: SingleConnectionOptions,
  ask: (socket: TargetSocket, context: ProbeContext) => Promise<ProbeResult>,
): Prober {
  let socket: TargetSocket | undefined;
  const cancel = () =>
    socket?.close(socket.connectError ?? new BrokenCall("cancelled", "no connection within the timeout"));
  return {
    async probe(context) {
      const own = new TargetSocket(address, context.timeoutMs);
      socket = own;
      try {
        return withCertificate(await ask(own, context), own.certificateEndsAt, clock.wallTime(), warnBefore);
      } catch (error) {
        return withCertificate(resultOfError(error), own.certificateEndsAt, clock.wallTime());
      } finally {
        own.listen(undefined); // an error that ends a connection costs more than the connection
        own.close();
      }
    },
    cancel,
    close: cancel,
  };
}
