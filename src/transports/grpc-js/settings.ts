/**
 * The options of our grpc-js servers, and why they are needed.
 *
 * Without keepalive, Node 20 never releases a session, its socket and its Watch streams after a protocol error of the
 * client (docs/known-faults.md 0.1), and a client that vanished without closing its connection is never detected.
 */
import type { ServerOptions as Http2Options } from "node:http2";
import type { ServerOptions } from "@grpc/grpc-js";
import { type ConnectionSettings, completeConnectionSettings } from "../grpc/connection-settings.js";
import { MAX_REQUEST_BYTES } from "../grpc/engine.js";

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
    // grpc-js treats the longest timer as "never"
    "grpc.max_connection_age_ms": times.maxConnectionAgeMs,
    "grpc.max_connection_age_grace_ms": times.maxConnectionAgeGraceMs,
    // RFC 9113, section 6.5.2, recommends at least 100; a stream costs about 15 KB
    "grpc.max_concurrent_streams": 1024,
    "grpc.max_receive_message_length": MAX_REQUEST_BYTES,
    "grpc.max_send_message_length": 4 * 1024 * 1024,
    // in MB; ordinary clients stay below it
    "grpc-node.max_session_memory": 16,
    // it costs time for each call; forceShutdown needs it (docs/known-faults.md 0.6), but we close sessions ourselves
    "grpc.enable_channelz": 0,
  };
}

/** Options of Node's HTTP/2 that grpc-js has no name for. The two for resets have an effect from Node 22.11 on. */
export const HTTP2_LIMITS: Readonly<Http2Options & { streamResetBurst: number; streamResetRate: number }> = {
  maxHeaderListPairs: 64,
  maxSessionInvalidFrames: 100,
  // room for a proxy that cancels thousands of calls at once after our event loop was blocked (docs/known-faults.md 0.10)
  streamResetBurst: 5000,
  streamResetRate: 200,
  settings: { maxHeaderListSize: 16_384 },
};
