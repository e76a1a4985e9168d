/**
 * The two private fields of grpc-js that healthbridge uses. No other file uses private fields of grpc-js.
 *
 * `commonServerOptions` are the options of the HTTP/2 servers that it makes: some of our limits have no public option.
 * `http2Servers` holds those servers: their streams must pass our gate before grpc-js sees them, since it reads
 * deadlines beyond 2^31 ms wrongly, takes any method for POST, and cannot answer plain HTTP (docs/known-faults.md 0.5, 1.1).
 *
 * Both are checked when an engine starts. A version of grpc-js without them is refused with an error: without the limits it
 * must not serve.
 */
import type { IncomingHttpHeaders, ServerHttp2Session, ServerHttp2Stream, ServerOptions } from "node:http2";
import type { Server } from "@grpc/grpc-js";
import { HealthError } from "../../core/health-error.js";

/** Handles a stream that a client has opened. */
export type StreamHandler = (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => void;

/** Handles a session that a client has opened. */
export type SessionHandler = (session: ServerHttp2Session) => void;

/** The part of an HTTP/2 server that the gate needs. */
interface StreamSource {
  rawListeners(event: "stream"): unknown[];
  removeAllListeners(event: "stream"): unknown;
  on(event: "stream", handler: StreamHandler): unknown;
  on(event: "session", handler: SessionHandler): unknown;
}

/** Adds options to the HTTP/2 servers that `server` will make. */
export function limitHttp2(server: Server, options: ServerOptions): void {
  const common: unknown = Reflect.get(server, "commonServerOptions");
  if (typeof common !== "object" || common === null) throw missing("commonServerOptions");
  const { settings } = common as ServerOptions;
  Object.assign(common, options, { settings: { ...settings, ...options.settings } });
}

/**
 * Makes every stream of `server` pass a gate. The gate gets the handler of grpc-js, and decides whether to call it.
 * `onSession` is called for every session, in addition to grpc-js' own handler.
 */
export function gateStreams(
  server: Server,
  gate: (grpcJs: StreamHandler) => StreamHandler,
  onSession: SessionHandler = () => {},
): void {
  const servers: unknown = Reflect.get(server, "http2Servers");
  if (!(servers instanceof Map) || servers.size === 0) throw missing("http2Servers");
  for (const source of servers.keys() as IterableIterator<StreamSource>) {
    const [grpcJs, ...others] = source.rawListeners("stream") as StreamHandler[];
    if (grpcJs === undefined || others.length > 0) throw missing("http2Servers with one stream handler each");
    source.removeAllListeners("stream");
    source.on("stream", gate(grpcJs));
    source.on("session", onSession);
  }
}

function missing(what: string): HealthError {
  const message = `the installed @grpc/grpc-js has no ${what}; use a version from 1.14.7 on, below 2, that healthbridge was tested with`;
  return new HealthError("INCOMPATIBLE_DEPENDENCY", message);
}
