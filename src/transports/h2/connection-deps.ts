/** What every connection of an engine works with. */
import type { Socket } from "node:net";
import type { Clock, Random } from "../../core/clock.js";
import type { Connection } from "./connection.js";
import type { LifetimeSettings } from "./lifetime.js";
import type { Outbox } from "./outbox.js";
import type { RequestHead } from "./request-head.js";
import type { Exchange, Stream } from "./stream.js";

/** Times of a connection, in milliseconds. */
export interface ConnectionTimes extends LifetimeSettings {
  /** For the preface and the first SETTINGS. */
  readonly firstBytesTimeoutMs: number;
  /** For a request, from its first frame to its last. */
  readonly requestTimeoutMs: number;
}

/** What a connection is given. */
export interface ConnectionDeps {
  readonly clock: Clock;
  readonly random: Random;
  /** Whose messages are published. */
  readonly instance: string;
  readonly times: ConnectionTimes;
  readonly outbox: Outbox;
  /** Gives a request to who answers it. */
  open(stream: Stream): Exchange;
  /** Whether another engine answers this. */
  isForeign(head: RequestHead): boolean;
  /** Gives a connection to the other engine, with what it is to read first. */
  handOver(socket: Socket, replay: Buffer): void;
  /** A client has asked for both engines' methods on one connection. */
  onBothAsked(address: string): void;
  /** The socket is closed, or the other engine's. */
  onClosed(connection: Connection): void;
}
