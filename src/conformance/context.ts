/**
 * What a row is given: connections and calls to the server, what is known of it, and how long to wait.
 *
 * Each row has a context of its own, which closes the connections of the row at its end.
 */
import { TargetSocket, type TargetSocketOptions } from "../client/target-socket.js";
import type { Clock } from "../core/clock.js";
import { HEALTH_SERVICE, writeHealthCheckRequest } from "../wire/health-messages.js";
import { DATA, END_STREAM, frameOf, resetFrame } from "../wire/http2/frames.js";
import { encodeHeaders } from "../wire/http2/hpack-encoder.js";
import type { ControlProgram } from "./control.js";
import { CLOSED_BY_SERVER, FrameConnection, type Greeting, headersFrames } from "./frame-connection.js";
import type { StreamAnswer } from "./stream-answer.js";

/** The server, and how it is called. */
export interface TestedServer {
  readonly socket: TargetSocketOptions;
  readonly isTls: boolean;
  readonly authority: string;
  /** Further header fields of each call, such as credentials. */
  readonly metadata: readonly (readonly [name: string, value: string])[];
  readonly clock: Clock;
  /** How long one answer may take. */
  readonly answerMs: number;
  /** How long a row watches that nothing comes. */
  readonly quietMs: number;
}

/** What was found out about the server before the first row. */
export interface ServerFacts {
  /** A service whose Check is OK; `undefined` when none was found. */
  readonly known: string | undefined;
  /** Services that List has named, at most 20. */
  readonly names: readonly string[];
  readonly overallIsKnown: boolean;
  /** Why Watch or List cannot be tried. */
  readonly noWatch: string | undefined;
  readonly noList: string | undefined;
}

/** A call as a row makes it. */
export interface RowCall {
  readonly method?: string;
  /** Fields that replace those of a call, or are added; `undefined` leaves one out. */
  readonly fields?: Readonly<Record<string, string | undefined>>;
  /** All octets of DATA. Default: one message that asks for `service`. */
  readonly body?: Buffer;
  /** The service that is asked for. Default: the one that the run has found to have a status. */
  readonly service?: string;
}

/** The server could not be reached: says nothing about the row. */
export class Unreachable extends Error {
  override readonly name = "Unreachable";
}

/** Why a row on a known service is not tried. */
export const NO_KNOWN_SERVICE = "no service with a status is known; name one with --service";

/** A name that no server has. */
export function unknownName(row: string): string {
  return `healthbridge.conformance.${row}`;
}

/** A gRPC message: the flag, the length, and the bytes. */
export function messageOf(bytes: Uint8Array, flag = 0): Buffer {
  const prefix = Buffer.alloc(5);
  prefix[0] = flag;
  prefix.writeUInt32BE(bytes.length, 1);
  return Buffer.concat([prefix, bytes]);
}

export const LIST: RowCall = { method: "List", body: messageOf(Buffer.alloc(0)) };

/** A List may be as long as gRPC clients accept by default. */
const MAX_LIST_OCTETS = 4 * 1024 * 1024;

/** The message of a HealthCheckRequest. */
export function requestFor(service: string): Buffer {
  return messageOf(writeHealthCheckRequest(service));
}

/** A body of one message in one DATA frame. */
export function dataFrame(streamId: number, body: Uint8Array, flags = END_STREAM): Buffer {
  return frameOf(DATA, flags, streamId, body);
}

export class RowContext {
  readonly server: TestedServer;
  readonly facts: ServerFacts;
  readonly control: ControlProgram | undefined;
  readonly #connections: FrameConnection[] = [];
  #isClosed = false;

  constructor(server: TestedServer, facts: ServerFacts, control?: ControlProgram) {
    this.server = server;
    this.facts = facts;
    this.control = control;
  }

  get answerMs(): number {
    return this.server.answerMs;
  }

  get quietMs(): number {
    return this.server.quietMs;
  }

  /** The service that calls ask for where a row does not care. */
  get service(): string {
    return this.facts.known ?? unknownName("unknown");
  }

  /** Whether a call for `service` was answered by the health service, and not refused before. */
  isServed(answer: StreamAnswer): boolean {
    return answer.code === (this.facts.known === undefined ? "NOT_FOUND" : "OK");
  }

  isRefused(answer: StreamAnswer): boolean {
    return answer.isRefused && !this.isServed(answer);
  }

  /** Opens a connection that has sent nothing. @throws Unreachable */
  async dial(): Promise<FrameConnection> {
    const { socket, clock } = this.server;
    if (this.#isClosed) throw new Unreachable("the row was ended"); // it has gone on after that
    const connection = new FrameConnection(new TargetSocket(socket, this.answerMs), clock);
    this.#connections.push(connection);
    await connection.until(() => connection.isConnected, this.answerMs);
    if (!connection.isConnected) throw this.#unreachable(connection, "no connection within the time of an answer");
    return connection;
  }

  /** Opens a connection with SETTINGS that a row is about: a server that refuses them breaks the row. @throws Unreachable */
  async connectWith(settings: NonNullable<Greeting["settings"]>): Promise<FrameConnection> {
    const connection = await this.dial();
    connection.greet({ settings });
    await connection.until(() => connection.hasSettings, this.answerMs);
    return connection;
  }

  /** Opens a connection on which both sides have sent SETTINGS. @throws Unreachable */
  async connect(): Promise<FrameConnection> {
    const connection = await this.connectWith([]);
    if (!connection.hasSettings) throw this.#unreachable(connection, "the server sends no SETTINGS");
    return connection;
  }

  /** Many servers close a connection without an error if only one of both sides uses TLS. */
  #unreachable({ end, isConnected, alpnProtocol }: FrameConnection, silence: string): Unreachable {
    const { isTls } = this.server;
    if (isTls && isConnected && alpnProtocol !== "h2")
      return new Unreachable(`${end ?? silence}; in the TLS handshake it has not chosen h2 by ALPN`);
    if (end !== CLOSED_BY_SERVER || (isTls && isConnected)) return new Unreachable(end ?? silence);
    return new Unreachable(`${end}; it may ${isTls ? "have no TLS (try without" : "require TLS (try"} --tls)`);
  }

  /** The header block of a call. */
  headOf({ method = "Check", fields = {} }: RowCall = {}): Buffer {
    const usual: readonly (readonly [string, string | undefined])[] = [
      [":method", "POST"],
      [":scheme", this.server.isTls ? "https" : "http"],
      [":path", `/${HEALTH_SERVICE}/${method}`],
      [":authority", this.server.authority],
      ["te", "trailers"],
      ["content-type", "application/grpc"],
      ["user-agent", "healthbridge-conformance"],
      ...this.server.metadata,
    ];
    const names = new Set(usual.map(([name]) => name));
    const added = Object.entries(fields).filter(([name]) => !names.has(name));
    const all = usual.map(([name, value]) => [name, name in fields ? fields[name] : value] as const);
    return encodeHeaders([...all, ...added].flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])));
  }

  /** Sends a call. Returns what will have come of it. */
  send(connection: FrameConnection, call: RowCall = {}): { readonly id: number; readonly answer: StreamAnswer } {
    const id = connection.openStream();
    if (call.method === LIST.method) connection.expect(MAX_LIST_OCTETS);
    const body = call.body ?? requestFor(call.service ?? this.service);
    connection.write(headersFrames(id, this.headOf(call)), dataFrame(id, body));
    return { id, answer: connection.answer(id) };
  }

  /** Makes a call and waits for its end. */
  async call(connection: FrameConnection, call: RowCall = {}): Promise<StreamAnswer> {
    const { answer } = this.send(connection, call);
    await this.ended(connection, answer);
    return answer;
  }

  async ended(connection: FrameConnection, answer: StreamAnswer): Promise<void> {
    await connection.until(() => answer.hasEnded, this.answerMs);
  }

  /** Waits for the first message of a Watch, or for its end. */
  async firstMessage(connection: FrameConnection, answer: StreamAnswer): Promise<void> {
    await connection.until(() => answer.hasEnded || answer.messages.length > 0, this.answerMs);
  }

  /** Cancels a call, as a client does. */
  cancel(connection: FrameConnection, streamId: number): void {
    connection.write(resetFrame(streamId, "CANCEL"));
  }

  close(): void {
    this.#isClosed = true;
    for (const connection of this.#connections) connection.close();
  }
}

/** What came of a call, with the end of its connection where that is why. */
export function outcomeOf(connection: FrameConnection, answer: StreamAnswer): string {
  const text = answer.describe();
  return answer.hasEnded || connection.describe() === "the connection stays open"
    ? text
    : `${text}: ${connection.describe()}`;
}
