/**
 * How a grpc-js server of ours is set, and why.
 *
 * Keepalive is not a nicety: without it Node 20 keeps a session, its socket and its watches for ever after any
 * protocol error of a client (known fault 0.1), and a black-holed watcher is never missed.
 */
import type { ServerOptions as Http2Options } from "node:http2";
import type { ServerOptions } from "@grpc/grpc-js";
import { type ConnectionSettings, completeConnectionSettings } from "../grpc/connection-settings.js";

/**
 * The public options of grpc-js.
 * @throws HealthError INVALID_OPTION
 */
export function serverOptions(settings: ConnectionSettings): ServerOptions {
  const times = completeConnectionSettings(settings);
  return {
    "grpc.keepalive_time_ms": times.keepaliveTimeMs,
    "grpc.keepalive_timeout_ms": times.keepaliveTimeoutMs,
    "grpc.max_connection_idle_ms": times.maxConnectionIdleMs,
    // grpc-js knows its longest timer as "never"
    "grpc.max_connection_age_ms": times.maxConnectionAgeMs,
    "grpc.max_connection_age_grace_ms": times.maxConnectionAgeGraceMs,
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
export const HTTP2_LIMITS: Readonly<Http2Options & { streamResetBurst: number; streamResetRate: number }> = {
  maxHeaderListPairs: 64,
  maxSessionInvalidFrames: 100,
  // room for a proxy that cancels thousands of calls at once when we come back from a stall (known fault 0.10)
  streamResetBurst: 5000,
  streamResetRate: 200,
  settings: { maxHeaderListSize: 16_384 },
};
