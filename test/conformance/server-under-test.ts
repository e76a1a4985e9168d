/**
 * What the conformance suite tests: a server behind a factory, so that another transport can be put under the same rows
 * by a file of a few lines.
 */
import type { CheckSettings, ServingStatus } from "../../src/index.js";

/** What a row may ask of the server. An implementation that lacks something throws, and so fails the row. */
export interface ServerOptions {
  /** Default: one free port of 127.0.0.1, in clear text. */
  readonly listen?: readonly string[];
  readonly tls?: { readonly cert: string; readonly key: string; readonly clientCa?: string };
  readonly listLimit?: number;
  readonly maxWatchers?: number;
  readonly token?: string;
  /** Serve `grpc.health.v1`. Default true. */
  readonly grpcHealth?: boolean;
  /** Functions that are checked: at once, and then as `checkSettings` say. Each fails by rejecting. */
  readonly checks?: Readonly<Record<string, () => Promise<unknown>>>;
  readonly checkSettings?: CheckSettings;
  readonly keepaliveMs?: number;
  /** How long a request may take to arrive. */
  readonly requestTimeoutMs?: number;
  /** How long the first bytes may take, and SETTINGS after them. */
  readonly firstBytesTimeoutMs?: number;
  readonly statusCodePaths?: readonly string[];
}

/** A running server. */
export interface ServerUnderTest {
  /** The first address that is bound. */
  readonly port: number;
  /** What `listen` became: `host:port` or a path. */
  readonly addresses: readonly string[];
  set(service: string, status: ServingStatus, details?: { degraded?: boolean }): boolean;
  clear(service: string): boolean;
  drain(): void;
  resume(): void;
  /** Drains and closes in order. */
  shutdown(times: { drainDelayMs: number; closeTimeoutMs?: number }): Promise<void>;
  /** Ends at once, with every connection. */
  stop(): Promise<void>;
  onTransition(listener: () => void): void;
  watcherCount(): number;
  watchedNameCount(): number;
  connectionCount(): number;
}

/** Starts a server. */
export interface ServerFactory {
  (options?: ServerOptions): Promise<ServerUnderTest>;
  /** Rows that are not about it, by their numbers: a server of an application has no listener of ours. */
  readonly leftOut?: readonly string[];
}
