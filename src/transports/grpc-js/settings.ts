/**
 * How a grpc-js server of ours is set, and why.
 *
 * Keepalive is not a nicety: without it Node 20 keeps a session, its socket and its watches for ever after any
 * protocol error of a client (known fault 0.1), and a black-holed watcher is never missed.
 */
import type { ServerOptions as Http2Options } from "node:http2";
import type { ServerOptions } from "@grpc/grpc-js";
import { LONGEST_TIMER_MS, milliseconds } from "../../core/option.js";

/** Settings of connections, in milliseconds and counts. */
export interface ConnectionSettings {
  /** A silent connection is asked for a sign of life after this. Default 30 s. */
  readonly keepaliveTimeMs?: number | undefined;
  /** It is dropped when none comes within this. Default 10 s. */
  readonly keepaliveTimeoutMs?: number | undefined;
  /** A connection without a stream is closed after this: above every prober's interval. Default 5 min. */
  readonly maxConnectionIdleMs?: number | undefined;
  /** A connection is asked to go after this, so that balancers spread anew; undefined: never. Default undefined. */
  readonly maxConnectionAgeMs?: number | undefined;
  /** What a connection has left after it was asked to go. Default 30 s. */
  readonly maxConnectionAgeGraceMs?: number | undefined;
}

/**
 * The public options of grpc-js.
 * @throws HealthError INVALID_OPTION
 */
export function serverOptions(settings: ConnectionSettings): ServerOptions {
  const ms = (option: keyof ConnectionSettings, fallbackMs: number) =>
    milliseconds(option, settings[option], fallbackMs);
  return {
    "grpc.keepalive_time_ms": ms("keepaliveTimeMs", 30_000),
    "grpc.keepalive_timeout_ms": ms("keepaliveTimeoutMs", 10_000),
    "grpc.max_connection_idle_ms": ms("maxConnectionIdleMs", 300_000),
    // grpc-js knows its longest timer as "never"
    "grpc.max_connection_age_ms": ms("maxConnectionAgeMs", LONGEST_TIMER_MS),
    "grpc.max_connection_age_grace_ms": ms("maxConnectionAgeGraceMs", 30_000),
    // RFC 9113 asks for at least 100; a stream costs some 15 KB
    "grpc.max_concurrent_streams": 1024,
    // the largest legal request has 203 bytes
    "grpc.max_receive_message_length": 4096,
    "grpc.max_send_message_length": 4 * 1024 * 1024,
    // in MB; honest use stays below, an HTTP/2 bomb doesn't
    "grpc-node.max_session_memory": 16,
    // costs time for each call; we close sessions ourselves, so forceShutdown's need of it is no matter (known fault 0.6)
    "grpc.enable_channelz": 0,
  };
}

/** Options of Node's HTTP/2 that grpc-js has no name for. The two for resets count from Node 22.11 on. */
export const HTTP2_LIMITS: Http2Options & { streamResetBurst: number; streamResetRate: number } = {
  maxHeaderListPairs: 64,
  maxSessionInvalidFrames: 100,
  // room for a proxy that cancels thousands of calls at once when we come back from a stall (known fault 0.10)
  streamResetBurst: 5000,
  streamResetRate: 200,
  settings: { maxHeaderListSize: 16_384 },
};
