/**
 * One HTTP/2 connection as a client (RFC 9113). It reads frames itself, so the bytes of a hostile target never
 * reach Node's HTTP/2.
 *
 *     request ------------------------------> streams --> frames --> socket
 *     socket --> frame reader --> frame --+-- HEADERS, DATA, RST_STREAM, WINDOW_UPDATE: streams --> listener
 *                                         '-- SETTINGS, PING, GOAWAY: here
 *
 *     ends   GOAWAY of the target: no new request; the requests that it accepted are finished, or fail with its error
 *            a rule broken by the target: GOAWAY with the error code, and the socket is closed (section 5.4.1)
 */
import type { Clock } from "../core/clock.js";
import { TokenBucket, type TokenRate } from "../core/token-bucket.js";
import { FrameReader, PREFACE } from "../wire/http2/frame-reader.js";
import { requireValidFrame } from "../wire/http2/frame-rules.js";
import {
  ACK,
  CONTINUATION,
  ConnectionError,
  DATA,
  ERROR_CODES,
  type ErrorCode,
  frameOf,
  GOAWAY,
  goAwayFrame,
  HEADERS,
  MAX_31_BITS,
  PING,
  PUSH_PROMISE,
  RST_STREAM,
  SETTINGS,
  WINDOW_UPDATE,
} from "../wire/http2/frames.js";
import { MAX_HEADER_LIST_OCTETS } from "../wire/http2/hpack-decoder.js";
import { SETTINGS_ACK, settingsFrame } from "../wire/http2/settings.js";
import { BrokenCall } from "./broken-call.js";
import { Http2Stream, type ResponseListener } from "./http2-stream.js";
import { errorName, Http2Streams } from "./http2-streams.js";
import type { ReusableConnection } from "./reused-connection.js";
import type { SocketListener, TargetSocket } from "./target-socket.js";

/** A request, ready to be sent. */
export interface Http2Request {
  /** The header block (HPACK), at most 16,384 bytes. */
  readonly head: Buffer;
  readonly body: Buffer;
}

const GREETING: Uint8Array = Buffer.concat([
  PREFACE,
  settingsFrame({ enablePush: false, maxHeaderListSize: MAX_HEADER_LIST_OCTETS }),
]);

/** Called once: the SETTINGS of the target have come, or why they do not come. */
export type OnGreeted = (error: Error | undefined) => void;

/** How an answer of HTTP/1 begins. */
const HTTP_1 = "HTTP/1.";

/** How TLS answers what is not TLS: an alert of version 3.x (RFC 8446, section 5.1). No frame can begin so. */
const TLS_ALERT = "\x15\x03";

/**
 * What a target may send: floods of PING, SETTINGS, empty DATA and other frames cost the target nothing, but they cost
 * healthbridge CPU time (docs/known-faults.md 3). A well-behaved target sends five frames for each call, and a keepalive
 * PING or a status sometimes.
 */
const FRAME_RATE: TokenRate = { burst: 1_000, perSecond: 100 };

/** A larger frame counts for several. */
const FRAME_COST_BYTES = 1_024;

export class Http2Connection implements ReusableConnection, SocketListener {
  readonly #socket: TargetSocket;
  readonly #reader = new FrameReader(
    (type, flags, streamId, payload) => this.onFrame(type, flags, streamId, payload),
    "server",
  );
  readonly #streams = new Http2Streams((frame) => this.#outgoing.push(frame));
  /** What the target may still send. */
  readonly #frames: TokenBucket;
  #outgoing: Uint8Array[] = [GREETING];
  #hasSettings = false;
  /** The first bytes of the target, until its SETTINGS have come. */
  #opening = "";
  #isGoingAway = false;
  /** See `answered`. */
  #answered = 0;
  #onGreeted: OnGreeted | undefined;

  /**
   * Takes a socket that is connected or connecting. Requests may be made at once.
   * @param frameRate what the target may send. Default: what health calls need
   */
  constructor(socket: TargetSocket, clock: Clock, frameRate: TokenRate = FRAME_RATE) {
    this.#socket = socket;
    this.#frames = new TokenBucket(clock, frameRate);
    socket.listen(this);
  }

  get isOpen(): boolean {
    return this.#socket.isOpen && !this.#isGoingAway && this.#streams.canOpen;
  }

  get certificateEndsAt(): number | undefined {
    return this.#socket.certificateEndsAt;
  }

  get connectError(): Error | undefined {
    return this.#socket.connectError;
  }

  hasMoved(): boolean {
    return this.#socket.hasMoved();
  }

  /** Requests that the target allows at once. */
  get maxConcurrentStreams(): number {
    return this.#streams.maxConcurrent;
  }

  /** Grows with each frame of a response. SETTINGS and PING may be answered by a process that hangs. */
  get answered(): number {
    return this.#answered;
  }

  ref(): void {
    this.#socket.ref();
  }

  unref(): void {
    this.#socket.unref();
  }

  /** Begins HTTP/2 without a request, for a client that times the connection and its call apart. */
  greet(onGreeted: OnGreeted): void {
    this.#onGreeted = onGreeted;
    this.#flush();
  }

  /**
   * Sends a request. The connection must be open. Returns a function that cancels it (RST_STREAM): the listener gets
   * BrokenCall `cancelled`, unless the response has ended.
   */
  request({ head, body }: Http2Request, listener: ResponseListener): () => void {
    const stream = new Http2Stream(head, body, listener);
    this.#streams.request(stream);
    this.#flush();
    return () => {
      this.#streams.cancel(stream);
      if (this.#isGoingAway && this.#streams.isEmpty) this.close();
      this.#flush();
    };
  }

  /** Says goodbye and closes. Calls that run fail with `error`. */
  close(error?: Error): void {
    if (this.#socket.isOpen) this.#end("NO_ERROR", error ?? new BrokenCall("cancelled", "the connection is closed"));
  }

  onBytes(bytes: Buffer): void {
    try {
      if (!this.#hasSettings) this.#requireHttp2(bytes);
      this.#reader.read(Buffer.from(bytes)); // a copy: frames stay valid, `bytes` does not
    } catch (error) {
      this.#fail(error);
    }
    if (this.#isGoingAway && this.#streams.isEmpty) this.close();
    this.#flush();
  }

  /** HTTP/2 over TLS begins with ALPN (RFC 9113, section 3.2). A target without it may wait for HTTP/1 for ever. */
  onReady(): void {
    if (this.#socket.alpnProtocol === false)
      this.#fail(new ConnectionError("PROTOCOL_ERROR", "it does not offer HTTP/2 over TLS (ALPN h2)"));
  }

  /** A target of another protocol fails with a text that names it. */
  #requireHttp2(bytes: Buffer): void {
    if (this.#opening.length < HTTP_1.length) this.#opening += bytes.toString("latin1", 0, HTTP_1.length);
    if (this.#opening.startsWith(HTTP_1)) throw new ConnectionError("PROTOCOL_ERROR", "it answers in HTTP/1");
    if (this.#opening.startsWith(TLS_ALERT))
      throw new ConnectionError("PROTOCOL_ERROR", "it speaks TLS: use grpcs:// (with probe: -tls)");
  }

  onEnd(error: Error | undefined): void {
    this.#reader.stop();
    const text = this.#hasSettings ? "the answer did" : "it answered in HTTP/2";
    const reason = error ?? new BrokenCall("closed", `the connection ended before ${text}`);
    this.#reportGreeting(reason);
    this.#streams.failAll(reason, true);
  }

  onFrame(type: number, flags: number, streamId: number, payload: Buffer): void {
    if (!this.#frames.take(1 + Math.floor(payload.length / FRAME_COST_BYTES)))
      throw new ConnectionError("ENHANCE_YOUR_CALM", "more frames than any call needs");
    if (!this.#hasSettings && (type !== SETTINGS || (flags & ACK) !== 0))
      throw new ConnectionError("PROTOCOL_ERROR", "another frame before SETTINGS");
    this.#streams.requireInOrder(type, streamId);
    requireValidFrame(type, flags, streamId, payload.length);
    if (streamId !== 0) this.#answered += 1;
    switch (type) {
      case DATA:
        this.#streams.onData(flags, streamId, payload);
        break;
      case HEADERS:
        this.#streams.onHeaders(flags, streamId, payload);
        break;
      case CONTINUATION:
        this.#streams.onContinuation(flags, payload);
        break;
      case RST_STREAM:
        this.#streams.onReset(streamId, payload);
        break;
      case WINDOW_UPDATE:
        this.#streams.onWindowUpdate(streamId, payload);
        break;
      case PUSH_PROMISE:
        throw new ConnectionError("PROTOCOL_ERROR", "PUSH_PROMISE, which is not enabled");
      case SETTINGS:
        if ((flags & ACK) === 0) this.#onSettings(payload);
        break;
      case PING:
        if ((flags & ACK) === 0) this.#outgoing.push(frameOf(PING, ACK, 0, payload));
        break;
      case GOAWAY:
        this.#onGoAway(payload.readUInt32BE(0) & MAX_31_BITS, payload.readUInt32BE(4));
    }
  }

  /** Section 6.5. */
  #onSettings(payload: Buffer): void {
    this.#hasSettings = true;
    // before anything that the new settings allow (section 6.5.3)
    this.#outgoing.push(SETTINGS_ACK);
    this.#streams.onSettings(payload);
    this.#reportGreeting(undefined);
  }

  #reportGreeting(error: Error | undefined): void {
    const report = this.#onGreeted;
    this.#onGreeted = undefined;
    report?.(error);
  }

  /** Section 6.8. An error code fails only the requests that the target may have processed. */
  #onGoAway(lastStreamId: number, code: number): void {
    // answered at once: a server on Node 20 that gets no GOAWAY meanwhile never closes its socket
    if (!this.#isGoingAway) this.#outgoing.push(goAwayFrame(0, "NO_ERROR"));
    this.#isGoingAway = true;
    this.#streams.failAbove(lastStreamId, code);
    if (code !== ERROR_CODES.NO_ERROR)
      this.#end("NO_ERROR", new BrokenCall("reset", `the target ended the connection (GOAWAY ${errorName(code)})`));
  }

  #flush(): void {
    if (this.#outgoing.length === 0) return;
    const frames = this.#outgoing;
    this.#outgoing = [];
    if (this.#socket.isOpen) this.#socket.write(frames.length === 1 ? (frames[0] ?? GREETING) : Buffer.concat(frames));
  }

  /**
   * An error that the target did not cause is a fault of healthbridge: the calls fail, and the process keeps running.
   */
  #fail(error: unknown): void {
    if (error instanceof ConnectionError)
      this.#end(
        error.code,
        new BrokenCall("protocol", `the target violates HTTP/2: ${error.message}`, { cause: error }),
      );
    else this.#end("INTERNAL_ERROR", error instanceof Error ? error : new Error(String(error)));
  }

  /** Tells the target the reason, closes the socket and fails what runs. */
  #end(code: ErrorCode, error: Error): void {
    if (!this.#socket.isOpen) return;
    this.#reader.stop();
    if (!this.#isGoingAway || code !== "NO_ERROR") this.#outgoing.push(goAwayFrame(0, code));
    this.#flush();
    this.#socket.listen(undefined);
    this.#socket.close();
    this.#reportGreeting(error);
    this.#streams.failAll(error, false);
  }
}
