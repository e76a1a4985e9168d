/**
 * The servers that Nest closes itself. Nest waits for them without a limit: `close` of `node:http` waits for connections
 * without a request, for upgraded ones and for responses that never end, `tryShutdown` of grpc-js for open streams. So each
 * call is replaced by one that ends:
 *
 *     server.close        idle connections end --> requests end, or closeTimeoutMs --> the rest is destroyed
 *     tryShutdown         drain --> Watch streams end --> calls end, or closeTimeoutMs --> forceShutdown
 *     forceShutdown       drain --> forceShutdown
 *
 * `close()` of a microservice of Nest closes the gRPC server before any hook runs, so the drain is part of it.
 */
import type { Server as NetServer } from "node:net";
import type { Server as GrpcServer } from "@grpc/grpc-js";
import type { Clock } from "../core/clock.js";
import { closingOf } from "../lifecycle/server-closing.js";

/** What a server waits for when it is closed. */
export interface ClosingSteps {
  readonly clock: Clock;
  readonly closeTimeoutMs: number;
  /** Resolves when the server may close. */
  drain(): Promise<void>;
  endWatches(): void;
}

/** Makes `close` end. Call it before clients connect. */
export function boundClose(server: NetServer, { clock, closeTimeoutMs }: ClosingSteps): void {
  const closing = closingOf(server, clock);
  const { close } = server;
  server.close = (callback = () => {}) => {
    server.close = close;
    const cancel = clock.setTimer(closeTimeoutMs, () => closing.destroy());
    const settle = (error?: Error) => {
      cancel();
      callback(error);
    };
    closing.close().then(() => settle(), settle);
    return server;
  };
}

/** Makes `tryShutdown` end, and both ways drain first. */
export function drainBeforeGrpcShutdown(server: GrpcServer, steps: ClosingSteps): void {
  const tryShutdown = server.tryShutdown.bind(server);
  const forceShutdown = server.forceShutdown.bind(server);
  const shutDown = (callback: (error?: Error) => void) => {
    let isSettled = false;
    const settle = (error?: Error) => {
      cancel();
      if (!isSettled) callback(error);
      isSettled = true;
    };
    const cancel = steps.clock.setTimer(steps.closeTimeoutMs, () => {
      forceShutdown();
      // it may close no session (docs/known-faults.md 0.6)
      settle();
    });
    steps.endWatches();
    tryShutdown(settle);
  };
  server.tryShutdown = (callback) => void steps.drain().then(() => shutDown(callback));
  server.forceShutdown = () => void steps.drain().then(forceShutdown);
}
