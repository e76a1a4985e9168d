/**
 * One HTTP/2 connection of a client (RFC 9113): owns the socket, reads its frames, and ends it.
 *
 *     socket --> FrameInput ---+--> SETTINGS, PING, GOAWAY: here
 *        ^                     '--> all other frames --> Streams --> Stream --> Call
 *        '----- Outbox <----- FrameWriter <------------------------------'
 *
 *     shutdown   GOAWAY(2^31-1) and PING; the answer to the PING: GOAWAY(last stream); no stream left: closed (6.8)
 *     error      GOAWAY(error code), closed (5.4.1)
 */
import type { Socket } from "node:net";
import { publish } from "../../core/channels.js";
import type { CancelTimer, Clock, Random } from "../../core/clock.js";
import type { FairTurns, Share } from "../../core/fair-turns.js";
import { requireValidFrame } from "../../wire/http2/frame-rules.js";
import {
  ACK,
  ConnectionError,
  type ErrorCode,
  GOAWAY,
  goAwayFrame,
  MAX_31_BITS,
  PING,
  SETTINGS,
} from "../../wire/http2/frames.js";
import { MAX_HEADER_LIST_OCTETS } from "../../wire/http2/hpack-decoder.js";
import { defaultPeerSettings, readSettings, SETTINGS_ACK, settingsFrame } from "../../wire/http2/settings.js";
import { Budget } from "./budget.js";
import { FrameInput } from "./frame-input.js";
import { Lifetime, type LifetimeSettings } from "./lifetime.js";
import type { Call, Stream } from "./stream.js";
import { StreamTimeouts, type StreamTimes } from "./stream-timeouts.js";
import { MAX_STREAMS, Streams } from "./streams.js";
import { FrameWriter, type Outbox } from "./writer.js";

/** Times of a connection, in milliseconds. */
export interface ConnectionTimes extends LifetimeSettings, StreamTimes {
  /** For the preface and the first SETTINGS. */
  readonly firstBytesTimeoutMs: number;
}

/** What all connections of an engine share. */
export interface ConnectionDeps {
  readonly clock: Clock;
  readonly turns: FairTurns;
  readonly random: Random;
  /** The `Health` whose messages are published. */
  readonly instance: string;
  readonly times: ConnectionTimes;
  readonly outbox: Outbox;
  readonly openCall: (stream: Stream) => Call;
  readonly onClosed: (connection: Connection) => void;
}

/** How long to wait for the answer to the PING after GOAWAY, and for the client to close after our end. */
const CLOSE_TIMEOUT_MS = 1_000;

const OUR_SETTINGS = settingsFrame({ maxConcurrentStreams: MAX_STREAMS, maxHeaderListSize: MAX_HEADER_LIST_OCTETS });
const SHUTDOWN_PING = Buffer.from("shutdown", "latin1");
const KEEPALIVE_PING = Buffer.from("are you?", "latin1");

export class Connection {
  readonly clock: Clock;
  readonly share: Share;
  readonly #socket: Socket;
  readonly #deps: ConnectionDeps;
  readonly #address: string;
  readonly #budget: Budget;
  readonly #input: FrameInput;
  readonly #writer: FrameWriter;
  readonly #streams: Streams;
  readonly #lifetime: Lifetime;
  readonly #peer = defaultPeerSettings();
  #timeouts: StreamTimeouts | undefined;
  #lastReadAt: number;
  #idleSince: number;
  #hasSettings = false;
  #phase: "open" | "going-away" | "last-streams" | "ended" = "open";
  #cancelStep: CancelTimer;
  #cancelLifetime: CancelTimer = () => {};

  /** Takes a socket whose preface is still to be read, and sends our SETTINGS. `address`: of the client, for logs. */
  constructor(socket: Socket, address: string, deps: ConnectionDeps) {
    const { clock, turns, times, outbox, random } = deps;
    const now = clock.now();
    this.clock = clock;
    this.share = turns.open();
    this.#socket = socket;
    this.#deps = deps;
    this.#address = address;
    this.#lastReadAt = now;
    this.#idleSince = now;
    this.#budget = new Budget(clock);
    this.#writer = new FrameWriter(socket, outbox, {
      onFull: () => this.#input.hold(),
      onError: (error) => this.#fail(error),
    });
    this.#streams = new Streams(this, this.#writer, this.#budget, deps.openCall);
    this.#input = new FrameInput(socket, {
      ...{ share: this.share, outbox, writer: this.#writer },
      onFrame: (type, flags, streamId, payload) => this.#onFrame(type, flags, streamId, payload),
      onError: (error) => this.#fail(error),
      afterSlice: () => {
        if (this.#streams.hasWaiting) this.watchTimeouts();
      },
    });
    this.#lifetime = new Lifetime(times, now, random);
    this.#cancelStep = clock.setTimer(times.firstBytesTimeoutMs, () =>
      this.guard(() => this.#drop("settings-timeout")),
    );
    this.#armLifetime();
    socket.on("data", this.#onData).on("close", this.#onClose);
    this.#writer.frames(OUR_SETTINGS);
  }

  /** Asks the client to close. Requests that it sends before it receives the GOAWAY are still served. */
  shutdown(): void {
    if (this.#phase !== "open") return;
    this.#phase = "going-away";
    this.#writer.frames(goAwayFrame(MAX_31_BITS, "NO_ERROR"));
    this.#writer.frame(PING, 0, 0, SHUTDOWN_PING);
    this.#step(CLOSE_TIMEOUT_MS, () => this.#finishStreams());
  }

  /** A stream has ended. */
  onStreamEnd(): void {
    if (this.#streams.size > 0) return;
    this.#idleSince = this.clock.now();
    if (this.#phase === "last-streams") this.#end();
  }

  /** A stream waits for the client. */
  watchTimeouts(): void {
    this.#timeouts ??= new StreamTimeouts(this.#streams, this, this.#deps.times);
    this.#timeouts.watch();
  }

  /** Runs an action of a later turn: what it throws ends this connection, and nothing else. */
  guard(action: () => void): void {
    if (this.#phase === "ended") return;
    try {
      action();
    } catch (error) {
      this.#fail(error);
    }
  }

  readonly #onData = (chunk: Buffer): void => {
    if (this.#phase === "ended") return;
    this.#lastReadAt = this.clock.now();
    this.#input.take(chunk);
  };

  readonly #onClose = (): void => {
    this.#phase = "ended";
    this.#input.stop();
    this.#release();
    this.#closeStreams();
    this.#deps.onClosed(this);
  };

  #onFrame(type: number, flags: number, streamId: number, payload: Buffer): void {
    if (!this.#hasSettings && (type !== SETTINGS || (flags & ACK) !== 0))
      throw new ConnectionError("PROTOCOL_ERROR", "the first frame is not SETTINGS");
    requireValidFrame(type, flags, streamId, payload.length);
    if (this.#streams.onFrame(type, flags, streamId, payload)) return;
    this.#budget.spendFrame();
    this.#onControlFrame(type, flags, payload);
  }

  /** Frames of the connection. Frames of unknown types are ignored (section 5.5). */
  #onControlFrame(type: number, flags: number, payload: Buffer): void {
    const isAck = (flags & ACK) !== 0;
    if (type === GOAWAY) this.#finishStreams();
    else if (type === SETTINGS && !isAck) this.#onSettings(payload);
    else if (type === PING && !isAck) this.#writer.frame(PING, ACK, 0, payload);
    else if (type === PING && this.#phase === "going-away" && payload.equals(SHUTDOWN_PING)) this.#finishStreams();
  }

  /** Section 6.5. */
  #onSettings(payload: Buffer): void {
    if (!this.#hasSettings && this.#phase === "open") this.#cancelStep();
    this.#hasSettings = true;
    readSettings(payload, this.#peer);
    this.#writer.owesTableSize ||= this.#peer.owesTableSize;
    this.#peer.owesTableSize = false;
    // before any data that the new window allows: the client applies its settings when it has read this (6.5.3)
    this.#writer.frames(SETTINGS_ACK);
    this.#streams.setInitialSendWindow(this.#peer.initialWindow);
  }

  /** Serves the streams that are open, no later one, and closes after the last. */
  #finishStreams(): void {
    if (this.#phase === "ended" || this.#phase === "last-streams") return;
    this.#phase = "last-streams";
    this.#cancelStep();
    this.#streams.refuseNew();
    this.#writer.frames(goAwayFrame(this.#streams.lastServed, "NO_ERROR"));
    if (this.#streams.size === 0) this.#end();
  }

  #armLifetime(): void {
    const delayMs = this.#lifetime.dueAt - this.clock.now();
    this.#cancelLifetime = this.clock.setTimer(delayMs, () => this.guard(() => this.#onLifetime()));
  }

  #onLifetime(): void {
    const idleSince = this.#streams.size > 0 ? undefined : this.#idleSince;
    const step = this.#lifetime.next(this.clock.now(), { lastReadAt: this.#lastReadAt, idleSince });
    switch (step) {
      case "ping":
        this.#writer.frame(PING, 0, 0, KEEPALIVE_PING);
        break;
      case "go-away":
        this.shutdown();
        break;
      case "expire":
        this.#streams.abortAll();
        this.#end("NO_ERROR");
        return;
      case "drop":
        this.#drop("keepalive-timeout");
        return;
      case undefined:
        break;
      default:
        step satisfies never;
    }
    this.#armLifetime();
  }

  #drop(rule: string): void {
    publish("connection-ended", { instance: this.#deps.instance, address: this.#address, rule });
    this.#socket.destroy();
  }

  /** Ends the connection for an error: of the client (`ConnectionError`), or of our own code. */
  #fail(error: unknown): void {
    if (this.#phase === "ended") return;
    const { instance } = this.#deps;
    const isTheirs = error instanceof ConnectionError;
    if (isTheirs) publish("connection-ended", { instance, address: this.#address, rule: `http2: ${error.message}` });
    else publish("fault", { instance, where: "an HTTP/2 connection", error });
    this.#end(isTheirs ? error.code : "INTERNAL_ERROR");
  }

  /** Sends GOAWAY with `code`, if any, closes our side, and gives the client a moment to close its own. */
  #end(code?: ErrorCode): void {
    if (this.#phase === "ended") return;
    if (code !== undefined) this.#writer.frames(goAwayFrame(this.#streams.lastServed, code));
    this.#phase = "ended";
    this.#input.stop();
    this.#release();
    this.#closeStreams();
    this.#deps.outbox.flush();
    this.#socket.end();
    this.#socket.resume();
    this.#cancelStep = this.clock.setTimer(CLOSE_TIMEOUT_MS, () => this.#socket.destroy());
  }

  #closeStreams(): void {
    try {
      this.#streams.closeAll();
    } catch (error) {
      publish("fault", { instance: this.#deps.instance, where: "closing the streams of a connection", error });
    }
  }

  #step(afterMs: number, action: () => void): void {
    this.#cancelStep();
    this.#cancelStep = this.clock.setTimer(afterMs, () => this.guard(action));
  }

  #release(): void {
    this.#cancelStep();
    this.#cancelLifetime();
    this.#timeouts?.end();
  }
}
