/**
 * One HTTP/2 connection, as a server (RFC 9113): owns the socket, and carries its streams.
 *
 *     socket --> frame reader --> frame --+-- SETTINGS, PING, GOAWAY: here
 *        ^                                +-- the others --> stream table --> stream --> exchange
 *        +-- outbox <-- frames <-----------------------------------------------+
 *
 *     begins  our SETTINGS; the first request decides whether it is ours (see `introduction`)
 *     ends    asked to go: GOAWAY(2^31-1), PING; its answer: GOAWAY(last stream); no stream left: closed (section 6.8)
 *             broken: GOAWAY(why), closed (section 5.4.1)
 */
import type { Socket } from "node:net";
import { publish } from "../../core/channels.js";
import type { CancelTimer } from "../../core/clock.js";
import { type FrameListener, FrameReader } from "../../wire/http2/frame-reader.js";
import {
  ACK,
  ConnectionError,
  type ErrorCode,
  goAwayFrame,
  HEADERS,
  MAX_31_BITS,
  PING,
  SETTINGS,
} from "../../wire/http2/frames.js";
import { EMPTY_TABLE } from "../../wire/http2/hpack-encoder.js";
import { defaultPeerSettings, readSettings } from "../../wire/http2/settings.js";
import { Arrivals } from "./arrivals.js";
import { Budget } from "./budget.js";
import type { Carrier } from "./carrier.js";
import type { ConnectionDeps } from "./connection-deps.js";
import { type Controller, dispatch, type Frame } from "./frame-dispatch.js";
import { Introduction } from "./introduction.js";
import { Lifetime, type Living } from "./lifetime.js";
import { OUR_SETTINGS, SETTINGS_ACKNOWLEDGED } from "./our-settings.js";
import type { Template } from "./outbox.js";
import { SocketWriter } from "./socket-writer.js";
import type { Stream } from "./stream.js";
import { StreamTable } from "./stream-table.js";

/** A client that has acknowledged our SETTINGS and asks nothing for so long is acknowledged all the same. */
const ASKS_SOON_MS = 50;
const ACKNOWLEDGES_SOON_MS = 1_000;
const FAREWELL_MS = 1_000;
const NOTHING_TO_CANCEL: CancelTimer = () => {};

const FAREWELL_PING = Buffer.from("farewell", "latin1");
const SIGN_OF_LIFE = Buffer.from("are you?", "latin1");

export class Connection implements Carrier, Controller, FrameListener, Living {
  readonly budget: Budget;
  readonly #socket: Socket;
  readonly #deps: ConnectionDeps;
  readonly #address: string;
  readonly #reader: FrameReader;
  readonly #writer: SocketWriter;
  readonly #streams = new StreamTable(this);
  readonly #lifetime: Lifetime;
  #arrivals: Arrivals | undefined;
  readonly #peer = defaultPeerSettings();
  #idleSince: number;
  #introduction: Introduction | undefined = new Introduction();
  #phase: "serving" | "foreign" | "asked-to-go" | "going" | "ended" = "serving";
  #cancelStep: CancelTimer;

  /** Takes a socket, which has the preface still to be read, and sends our SETTINGS. */
  constructor(socket: Socket, deps: ConnectionDeps) {
    const { clock, times } = deps;
    this.#socket = socket;
    this.#deps = deps;
    this.#address = socket.remoteAddress ?? "unix";
    this.budget = new Budget(clock);
    this.#idleSince = Math.floor(clock.now());
    this.#writer = new SocketWriter(socket);
    this.#reader = new FrameReader(this);
    this.#lifetime = new Lifetime(this, times, deps);
    this.#cancelStep = clock.setTimer(times.firstBytesTimeoutMs, () => this.drop("settings-timeout"));
    socket.on("data", this.#onData).on("close", this.#onClose);
    this.frames(OUR_SETTINGS);
  }

  get bytesRead(): number {
    return this.#socket.bytesRead;
  }

  get idleSince(): number | undefined {
    return this.#streams.size > 0 ? undefined : this.#idleSince;
  }

  get initialWindow(): number {
    return this.#peer.initialWindow;
  }

  get takesTemplates(): boolean {
    return !this.#peer.owesTableSize;
  }

  /** Asks the client to go; what it has asked before it knows is still served. */
  askToGo(): void {
    if (this.#phase !== "serving") return;
    this.#settle();
    this.#phase = "asked-to-go";
    this.frames(goAwayFrame(MAX_31_BITS, "NO_ERROR"));
    this.frame(PING, 0, 0, FAREWELL_PING);
    this.#step(FAREWELL_MS, () => this.#serveUpTo(this.#streams.lastId));
  }

  ping(): void {
    this.frame(PING, 0, 0, SIGN_OF_LIFE);
  }

  expire(): void {
    this.#streams.giveUpAll();
    this.#end("NO_ERROR");
  }

  drop(rule: string): void {
    publish("connection-ended", { instance: this.#deps.instance, address: this.#address, rule });
    this.#socket.destroy();
  }

  frame(type: number, flags: number, streamId: number, payload: Uint8Array): void {
    const owes = type === HEADERS && this.#peer.owesTableSize;
    if (owes) this.#peer.owesTableSize = false;
    this.#deps.outbox.frame(
      this.#writer,
      type,
      flags,
      streamId,
      owes ? Buffer.concat([EMPTY_TABLE, payload]) : payload,
    );
  }

  frames(bytes: Uint8Array): void {
    this.#deps.outbox.frames(this.#writer, bytes);
  }

  answer(template: Template, streamId: number): void {
    this.#deps.outbox.answer(this.#writer, template, streamId);
  }

  whenWritable(action: () => void): void {
    this.#writer.whenWritable(action);
  }

  open(stream: Stream): void {
    const isForeign = this.#deps.isForeign(stream.head);
    if (isForeign && this.#introduction !== undefined) {
      this.#phase = "foreign"; // and so it is handed over as soon as the client has acknowledged our SETTINGS
      this.#step(this.#deps.times.firstBytesTimeoutMs, () => this.drop("settings-timeout"));
      if (this.#introduction.acknowledged) this.#reader.stop();
    } else if (isForeign) {
      this.#sendElsewhere(stream);
    } else {
      this.#settle();
      stream.exchange = this.#deps.open(stream);
    }
  }

  onSettings(payload: Buffer): void {
    const { initialWindow } = this.#peer;
    readSettings(payload, this.#peer);
    // before what a wider window lets go: the client has it wider only when it knows that we know (section 6.5.3)
    if (this.#introduction === undefined) this.frames(SETTINGS_ACKNOWLEDGED);
    this.#streams.shiftWindows(this.#peer.initialWindow - initialWindow);
  }

  onPing(payload: Buffer): void {
    this.frame(PING, ACK, 0, payload);
  }

  onPong(payload: Buffer): void {
    if (this.#phase === "asked-to-go" && payload.equals(FAREWELL_PING)) this.#serveUpTo(this.#streams.lastId);
  }

  onGoAway(): void {
    this.#serveUpTo(this.#streams.lastId);
  }

  onForget(): void {
    if (this.#streams.size > 0) return;
    this.#idleSince = Math.floor(this.#deps.clock.now());
    if (this.#phase === "going") this.#end();
  }

  fail(error: unknown): void {
    if (this.#phase === "ended") return;
    const { instance } = this.#deps;
    const isTheirs = error instanceof ConnectionError;
    if (isTheirs) publish("connection-ended", { instance, address: this.#address, rule: `http2: ${error.message}` });
    else publish("fault", { instance, where: "an HTTP/2 connection", error });
    this.#end(isTheirs ? error.code : "INTERNAL_ERROR");
  }

  readonly #onData = (chunk: Buffer): void => {
    if (this.#phase === "ended") return;
    const { outbox } = this.#deps;
    outbox.hold();
    try {
      this.#reader.read(chunk);
    } catch (error) {
      this.fail(error);
    }
    outbox.release();
    if (this.#phase === "foreign" && this.#introduction?.acknowledged === true) this.#handOver(this.#introduction);
    else if (this.#streams.hasArriving) this.#watchArrivals();
  };

  readonly #onClose = (): void => {
    this.#phase = "ended";
    this.#release();
    this.#streams.closeAll();
    this.#deps.onClosed(this);
  };

  onFrame(type: number, flags: number, streamId: number, payload: Buffer): void {
    const frame = { type, flags, streamId, payload };
    const introduction = this.#introduction;
    if (introduction !== undefined && this.#introduce(introduction, frame) === "foreign") return;
    dispatch(frame, this.#streams, this);
  }

  /** Looks at what comes before the first request. Says whose it is. */
  #introduce(introduction: Introduction, { type, flags, streamId, payload }: Frame): "ours" | "foreign" {
    const isForeign = this.#phase === "foreign";
    const isAcknowledgement = type === SETTINGS && (flags & ACK) !== 0;
    if (!introduction.greeted && (type !== SETTINGS || isAcknowledgement))
      throw new ConnectionError("PROTOCOL_ERROR", "another frame before SETTINGS");
    if (type !== PING || isForeign) introduction.note(type, flags, streamId, payload);
    if (isForeign && introduction.acknowledged) this.#reader.stop();
    else if (!isForeign && type === SETTINGS)
      this.#step(isAcknowledgement ? ASKS_SOON_MS : ACKNOWLEDGES_SOON_MS, () => this.#settle());
    return isForeign ? "foreign" : "ours";
  }

  #settle(): void {
    if (this.#introduction === undefined) return;
    this.#cancelStep();
    this.#cancelStep = NOTHING_TO_CANCEL;
    const { owedAcknowledgements } = this.#introduction;
    this.#introduction = undefined;
    for (let owed = owedAcknowledgements; owed > 0; owed -= 1) this.frames(SETTINGS_ACKNOWLEDGED);
  }

  #handOver(introduction: Introduction): void {
    this.#release();
    this.#socket.off("data", this.#onData).off("close", this.#onClose).pause();
    this.#deps.onClosed(this);
    this.#deps.handOver(this.#socket, introduction.replay(this.#reader.rest));
  }

  /** The client asks here what another engine has to answer: on its next connection it will be. */
  #sendElsewhere(stream: Stream): void {
    this.#deps.onBothAsked(this.#address);
    stream.close();
    this.#serveUpTo(Math.max(0, stream.id - 2));
  }

  #serveUpTo(streamId: number): void {
    if (this.#phase === "ended" || this.#phase === "going") return;
    this.#phase = "going";
    this.#cancelStep();
    this.#streams.serveUpTo(streamId);
    this.frames(goAwayFrame(this.#streams.lastServed, "NO_ERROR"));
    if (this.#streams.size === 0) this.#end();
  }

  /** Ends the connection: the client is told, and has a moment to close its side. */
  #end(code?: ErrorCode): void {
    if (this.#phase === "ended") return;
    const { outbox, clock } = this.#deps;
    if (code !== undefined) this.frames(goAwayFrame(this.#streams.lastServed, code));
    this.#phase = "ended";
    this.#reader.stop();
    this.#release();
    this.#streams.closeAll();
    outbox.flush();
    this.#socket.end();
    this.#socket.resume();
    this.#cancelStep = clock.setTimer(FAREWELL_MS, () => this.#socket.destroy());
  }

  /** Made for who needs it: most requests are whole when they come. */
  #watchArrivals(): void {
    const { clock, times } = this.#deps;
    this.#arrivals ??= new Arrivals(this.#streams, clock, times.requestTimeoutMs);
    this.#arrivals.look();
  }

  #step(afterMs: number, action: () => void): void {
    this.#cancelStep();
    this.#cancelStep = this.#deps.clock.setTimer(afterMs, action);
  }

  #release(): void {
    this.#cancelStep();
    this.#arrivals?.end();
    this.#lifetime.end();
  }
}
