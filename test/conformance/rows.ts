/**
 * A row of docs/conformance.md as a test. The test has its own server and client, and closes both at its end.
 */
import type { ClientSessionOptions } from "node:http2";
import { test } from "node:test";
import { GrpcPeer } from "../support/grpc-peer.js";
import type { ServerFactory, ServerOptions, ServerUnderTest } from "./server-under-test.js";

/** What a row is given. */
export interface RowContext {
  readonly server: ServerUnderTest;
  /** A connected client. */
  readonly peer: GrpcPeer;
  /** One more client, closed at the end. */
  readonly connect: (options?: ClientSessionOptions) => GrpcPeer;
}

/** Registers rows for one factory. */
export type Rows = (factory: ServerFactory) => void;

/** A test with a server of its own. */
export function row(
  factory: ServerFactory,
  title: string,
  body: (context: RowContext) => Promise<void>,
  options: ServerOptions = {},
): void {
  if (factory.leftOut?.some((number) => title.includes(number))) return;
  test(title, async () => {
    const server = await factory(options);
    const peers: GrpcPeer[] = [];
    const connect = (session?: ClientSessionOptions) => {
      const peer = new GrpcPeer(server.port, session);
      peers.push(peer);
      return peer;
    };
    try {
      await body({ server, peer: connect(), connect });
    } finally {
      for (const peer of peers) peer.close();
      await server.stop();
    }
  });
}
