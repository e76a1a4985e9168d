/**
 * A connection on which a row writes frames as it likes, also wrong ones, and which records what the server sends.
 *
 *     row --> write(frames) ---------------------------------> server
 *     row <-- until(condition, deadline) <-- record <-- frames <-- server
 *
 * Only what keeps a connection alive is done here: SETTINGS and PING of the server are acknowledged. The client of
 * healthbridge's probes (client/http2-connection) can't be used: it never breaks a rule, and hides frames.
 */
import { errorName } from "../client/http2-streams.js";
import type { SocketListener, TargetSocket } from "../client/target-socket.js";
import type { Clock } from "../core/clock.js";
import { FrameReader, PREFACE } from "../wire/http2/frame-reader.js";
import { requireValidFrame } from "../wire/http2/frame-rules.js";
import {
  ACK,
  CONTINUATION,
  ConnectionError,
  DATA,
  END_HEADERS,
  END_STREAM,
  frameOf,
  GOAWAY,
  HEADERS,
  PING,
  RST_STREAM,
  SETTINGS,
  windowUpdateFrame,
} from "../wire/http2/frames.js";
import { HeaderBlocks, readHeadersPayload, withoutPadding } from "../wire/http2/header-block.js";
import { HpackDecoder } from "../wire/http2/hpack-decoder.js";
import { defaultPeerSettings, type PeerSettings, readSettings, SETTINGS_ACK } from "../wire/http2/settings.js";
import { Opening } from "./opening.js";
import { StreamAnswer, shown } from "./stream-answer.js";

/** Above the answers to all calls of a connection: a row that is about windows sets them itself. */
const WINDOW = 16 * 1024 * 1024;

const INITIAL_WINDOW_SIZE = 4;

/** More than the usual answers need: a server can make healthbridge store what it sends in so many frames. */
const MAX_FRAMES = 1_500;

/** The same for the octets of all frames. */
const MAX_OCTETS = 512 * 1024;

/** The size of frames in which a long answer may come. */
const MIN_USUAL_FRAME = 1_024;

/** Why a connection has ended that the server closed without an error. */
export const CLOSED_BY_SERVER = "the server closed the connection";

const MAX_HEADER_BLOCK_BYTES = 16_384;

/** What the client sends at the start of a connection. */
export interface Greeting {
  /** Settings beside the defaults, by identifier. */
  readonly settings?: readonly (readonly [id: number, value: number])[];
  /** The preface was sent before. */
  readonly hasPreface?: boolean;
}

export class FrameConnection implements SocketListener {
  readonly #socket: TargetSocket;
  readonly #clock: Clock;
  readonly #reader = new FrameReader((type, flags, id, payload) => this.#onFrame(type, flags, id, payload), "server");
  readonly #blocks = new HeaderBlocks((id, ends, block) => this.#onBlock(id, ends, block));
  readonly #decoder = new HpackDecoder();
  readonly #answers = new Map<number, StreamAnswer>();
  readonly #waiters = new Set<() => void>();
  #nextStream = 1;
  /** How many frames, and how many octets of them, may still come. */
  #framesLeft = MAX_FRAMES;
  #octetsLeft = MAX_OCTETS;
  readonly #opening = new Opening();
  #isGreeted = false;
  /** Acknowledgements for after the preface: a server may speak first. */
  #owed: Uint8Array[] = [];
  /** The type of the first frame. */
  firstFrame: number | undefined;
  settings: PeerSettings = defaultPeerSettings();
  maxFrameSize = 16_384;
  hasSettings = false;
  settingsAcks = 0;
  /** The payloads of PING frames that the server has acknowledged. */
  readonly pingAcks: Buffer[] = [];
  /** The error of the first GOAWAY. */
  goAway: string | undefined;
  /** Why the connection has ended, in words. */
  end: string | undefined;
  isConnected = false;
  alpnProtocol: string | false | undefined;

  constructor(socket: TargetSocket, clock: Clock) {
    this.#socket = socket;
    this.#clock = clock;
    socket.listen(this);
  }

  /** Sends the preface and SETTINGS. Nothing is awaited. */
  greet({ settings = [], hasPreface = false }: Greeting = {}): void {
    const all = [[INITIAL_WINDOW_SIZE, WINDOW] as const, ...settings];
    this.write(...(hasPreface ? [] : [PREFACE]), settingsOf(all), windowUpdateFrame(0, WINDOW), ...this.#owed);
    this.#isGreeted = true;
    this.#owed = [];
  }

  write(...frames: readonly Uint8Array[]): void {
    if (this.#socket.isOpen) this.#socket.write(frames.length === 1 ? (frames[0] ?? PREFACE) : Buffer.concat(frames));
  }

  /** The identifier of the next stream of a client. */
  openStream(): number {
    const id = this.#nextStream;
    this.#nextStream += 2;
    return id;
  }

  /** Accepts so many octets more, for a call with a long answer. */
  expect(octets: number): void {
    this.#octetsLeft += octets;
    this.#framesLeft += Math.ceil(octets / MIN_USUAL_FRAME);
  }

  /** What has come on a stream, and will come. */
  answer(streamId: number): StreamAnswer {
    const known = this.#answers.get(streamId);
    if (known !== undefined) return known;
    const answer = new StreamAnswer();
    this.#answers.set(streamId, answer);
    return answer;
  }

  /** Resolves with true as soon as the condition holds, with false at the deadline or when the connection has ended. */
  until(condition: () => boolean, withinMs: number): Promise<boolean> {
    if (condition()) return Promise.resolve(true);
    if (this.end !== undefined) return Promise.resolve(false);
    return new Promise((resolve) => {
      const settle = (value: boolean) => {
        cancelTimer();
        this.#waiters.delete(onChange);
        resolve(value);
      };
      const onChange = () => {
        if (condition()) settle(true);
        else if (this.end !== undefined) settle(false);
      };
      const cancelTimer = this.#clock.setTimer(withinMs, () => settle(condition()));
      this.#waiters.add(onChange);
    });
  }

  close(): void {
    this.#socket.listen(undefined);
    this.#socket.close();
    this.#finish("healthbridge closed the connection"); // a row that waits ends now
  }

  onReady(): void {
    this.isConnected = true;
    this.alpnProtocol = this.#socket.alpnProtocol;
    this.#notify();
  }

  onBytes(bytes: Buffer): void {
    try {
      this.#read(Buffer.from(bytes)); // a copy: `bytes` is overwritten
    } catch (error) {
      if (!(error instanceof ConnectionError)) throw error;
      this.#reader.stop();
      this.#socket.listen(undefined);
      this.#socket.close();
      const isHttp2 = this.firstFrame !== undefined;
      this.#finish(isHttp2 ? `the server violates HTTP/2: ${error.message}` : this.#opening.describe());
    }
    this.#notify();
  }

  #read(bytes: Buffer): void {
    if (this.firstFrame === undefined) this.#opening.read(bytes);
    if (this.#opening.isTlsAlert) throw new ConnectionError("PROTOCOL_ERROR", "a TLS alert");
    this.#reader.read(bytes);
  }

  onEnd(error: Error | undefined): void {
    this.#finish(error === undefined ? CLOSED_BY_SERVER : shown(error.message));
  }

  /** How the connection is now, in words. */
  describe(): string {
    const goAway = this.goAway === undefined ? undefined : `GOAWAY ${this.goAway}`;
    return [goAway, this.end].filter((text) => text !== undefined).join(", ") || "the connection stays open";
  }

  #finish(end: string): void {
    this.end ??= end;
    this.#notify();
  }

  #notify(): void {
    for (const onChange of [...this.#waiters]) onChange();
  }

  #onFrame(type: number, flags: number, streamId: number, payload: Buffer): void {
    this.firstFrame ??= type;
    this.#framesLeft -= 1;
    this.#octetsLeft -= payload.length;
    if (this.#framesLeft < 0) throw new ConnectionError("ENHANCE_YOUR_CALM", "more frames than any call needs");
    if (this.#octetsLeft < 0) throw new ConnectionError("ENHANCE_YOUR_CALM", "more octets than any call needs");
    this.#blocks.requireInOrder(type, streamId);
    requireValidFrame(type, flags, streamId, payload.length);
    switch (type) {
      case HEADERS:
        this.#blocks.begin(flags, streamId, readHeadersPayload(flags, payload).fragment);
        return;
      case CONTINUATION:
        this.#blocks.continue(flags, payload);
        return;
      case DATA:
        this.answer(streamId).receiveData(withoutPadding(flags, payload), (flags & END_STREAM) !== 0);
        return;
      case RST_STREAM:
        this.answer(streamId).receiveReset(errorName(payload.readUInt32BE(0)));
        return;
      case SETTINGS:
        this.#onSettings(flags, payload);
        return;
      case PING:
        if ((flags & ACK) !== 0) this.pingAcks.push(payload);
        else this.#acknowledge(frameOf(PING, ACK, 0, payload));
        return;
      case GOAWAY:
        this.goAway ??= errorName(payload.readUInt32BE(4));
    }
  }

  #onSettings(flags: number, payload: Buffer): void {
    if ((flags & ACK) !== 0) {
      this.settingsAcks += 1;
      return;
    }
    this.hasSettings = true;
    readSettings(payload, this.settings);
    for (let at = 0; at < payload.length; at += 6)
      if (payload.readUInt16BE(at) === 5) this.maxFrameSize = payload.readUInt32BE(at + 2);
    this.#acknowledge(SETTINGS_ACK);
  }

  #acknowledge(frame: Uint8Array): void {
    if (this.#isGreeted) this.write(frame);
    else this.#owed.push(frame);
  }

  #onBlock(streamId: number, endsStream: boolean, block: Buffer): void {
    const { fields } = this.#decoder.decode(block);
    const pairs = Array.from({ length: fields.length / 2 }, (_, index) => {
      return [fields[2 * index] ?? "", fields[2 * index + 1] ?? ""] as const;
    });
    this.answer(streamId).receiveHeaders(pairs, endsStream);
  }
}

/** SETTINGS with any identifiers and values. */
export function settingsOf(settings: readonly (readonly [id: number, value: number])[]): Buffer {
  const payload = Buffer.alloc(6 * settings.length);
  for (const [index, [id, value]] of settings.entries()) {
    payload.writeUInt16BE(id, 6 * index);
    payload.writeUInt32BE(value, 6 * index + 2);
  }
  return frameOf(SETTINGS, 0, 0, payload);
}

/** A header block in one HEADERS frame, and CONTINUATION frames where it is longer than a frame may be. */
export function headersFrames(streamId: number, block: Buffer, flags = 0): Buffer {
  const frames: Buffer[] = [];
  for (let at = 0; at === 0 || at < block.length; at += MAX_HEADER_BLOCK_BYTES) {
    const part = block.subarray(at, at + MAX_HEADER_BLOCK_BYTES);
    const isLast = at + MAX_HEADER_BLOCK_BYTES >= block.length;
    const ownFlags = (at === 0 ? flags : 0) | (isLast ? END_HEADERS : 0);
    frames.push(frameOf(at === 0 ? HEADERS : CONTINUATION, ownFlags, streamId, part));
  }
  return Buffer.concat(frames);
}
