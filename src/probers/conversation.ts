/**
 * Holds a dialogue on a connection, one turn after the other.
 *
 *     connected --> send --> read until `find` finds --> next turn --> ... --> pass
 *                              |  TLS starts here: nothing may be left over --> handshake --> next turn
 *                              '--> end, deadline or 64 KiB before that: failure, with what was read
 */
import { BrokenCall } from "../client/broken-call.js";
import type { SocketListener, TargetSocket } from "../client/target-socket.js";
import type { SecureOptions } from "../client/tls-options.js";
import type { CancelTimer } from "../core/clock.js";
import type { Turn } from "./dialogue.js";
import { fail, PASS, type ProbeContext, type ProbeResult, type Prober } from "./prober.js";
import { openSingleConnection, type SingleConnectionOptions } from "./single-connection.js";
import { afterShare } from "./time-share.js";

/** More bytes are not read for one probe. */
export const MAX_ANSWER_BYTES = 65_536;

/** Bytes that patterns may search again when more bytes come: a target may send them one by one. */
const MAX_SEARCHED_AGAIN_BYTES = 65_536;

/** More of an answer is not shown. The end of a detail is cut anyway (`fail`). */
const MAX_SHOWN_BYTES = 1_024;

/** Why a turn failed: what was expected, and what came. That is last: the mask of secrets knows texts cut at their end. */
export function missingAnswer({ name, expected = "more" }: Turn, read: Buffer): string {
  const shown = read.length === 0 ? "nothing" : JSON.stringify(read.toString("utf8", 0, MAX_SHOWN_BYTES));
  return `${name}: expected ${expected}, got ${shown}`;
}

/**
 * In TLS 1.3, the client finishes the handshake first, and a target refuses a client certificate, or its absence, afterwards
 * (RFC 8446, section 2). The refusal needs a round trip. Without any byte from the target, the connection must last for so long,
 * and for twice the time of the handshake, but for half of the time that is left at most.
 */
const MIN_QUIET_MS = 100;

/** The same after a session ticket: some servers, Node among them, send tickets before they refuse the certificate. */
const AFTER_TICKET_MS = 20;

/** A connection, and what is said on it. */
export interface ConversationOptions extends SingleConnectionOptions {
  readonly turns: readonly Turn[];
  /** TLS that a turn starts. */
  readonly startTls?: SecureOptions | undefined;
  /** Evaluates a connection on which all turns have passed. Default: it passes. */
  readonly evaluate?: (socket: TargetSocket) => ProbeResult;
}

/** A prober that connects and holds a dialogue. */
export function openConversation(options: ConversationOptions): Prober {
  const { evaluate } = options;
  return openSingleConnection(options, async (socket, context) => {
    const result = await new DialogueListener(socket, options, context).result;
    return result.outcome === "pass" && evaluate !== undefined ? evaluate(socket) : result;
  });
}

class DialogueListener implements SocketListener {
  /** Rejects with the error of the connection. */
  readonly result: Promise<ProbeResult>;
  readonly #socket: TargetSocket;
  readonly #options: ConversationOptions;
  readonly #turns: readonly Turn[];
  readonly #context: ProbeContext;
  readonly #unused = new UnusedBytes();
  #resolve: (result: ProbeResult) => void = () => {};
  #reject: (error: Error) => void = () => {};
  #cancelQuiet: CancelTimer = () => {};
  /** When the TLS handshake began. */
  #startedAt = 0;
  #quietMs = MIN_QUIET_MS;
  #index = 0;
  #isReady = false;
  #hasSent = false;
  /** Something was read since the connection, or its TLS, was ready. */
  #hasRead = false;

  /** Begins when the connection is there. */
  constructor(socket: TargetSocket, options: ConversationOptions, context: ProbeContext) {
    this.#socket = socket;
    this.#options = options;
    this.#turns = options.turns;
    this.#context = context;
    this.result = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    socket.listen(this);
  }

  onConnect(): void {
    this.#startedAt = this.#options.clock.now();
  }

  onReady(): void {
    this.#isReady = true;
    this.#hasRead = false;
    this.#quietMs = Math.max(MIN_QUIET_MS, 2 * (this.#options.clock.now() - this.#startedAt));
    this.#advance(false);
  }

  onTicket(): void {
    this.#quietMs = AFTER_TICKET_MS;
    if (this.#isReady && this.#index === this.#turns.length) this.#pass();
  }

  onBytes(bytes: Buffer): void {
    this.#unused.add(bytes);
    this.#hasRead = true;
    if (this.#isReady) this.#advance(this.#unused.isFull);
    if (this.#unused.isFull) this.#failTurn("answer", `no answer within ${MAX_ANSWER_BYTES} bytes; `);
  }

  onEnd(error: Error | undefined): void {
    this.#cancelQuiet();
    const isCancelled = error instanceof BrokenCall && error.kind === "cancelled";
    const { name, startsTls } = this.#turns[this.#index - 1] ?? {};
    if (!this.#isReady && isCancelled && startsTls === true)
      this.#resolve(fail("timeout", `${name}: no TLS handshake within the timeout`));
    else if (!this.#isReady && error === undefined && startsTls === true)
      this.#resolve(fail("closed", `${name}: the target ended the connection before its TLS handshake was complete`));
    else if (!this.#isReady)
      this.#reject(error ?? new BrokenCall("closed", "the target ended the connection before it was ready"));
    else if (this.#index === this.#turns.length)
      this.#reject(error ?? new BrokenCall("closed", "the target ended the connection right after the TLS handshake"));
    else if (error === undefined) {
      this.#advance(true);
      this.#failTurn("closed");
    } else if (isCancelled) this.#failTurn("timeout");
    else if (isReset(error) && this.#unused.bytes.length > 0) this.#failTurn("reset");
    else this.#reject(error);
  }

  /** Does what can be done with what was read. `isLast`: no more bytes will come. */
  #advance(isLast: boolean): void {
    for (let turn = this.#turns[this.#index]; turn !== undefined; turn = this.#turns[this.#index]) {
      if (!this.#take(turn, isLast)) return;
      this.#index += 1;
      this.#hasSent = false;
      if (turn.startsTls !== true) continue;
      this.#secure(turn);
      return;
    }
    this.#pass();
  }

  /** All turns have passed: now, or when the target has not refused the client certificate. */
  #pass(): void {
    const { clock } = this.#options;
    this.#cancelQuiet();
    if (this.#socket.tlsVersion !== "TLSv1.3" || this.#hasRead) this.#resolve(PASS);
    else this.#cancelQuiet = afterShare(this.#context, this.#quietLeftMs(), clock, () => this.#resolve(PASS));
  }

  /** Half of the time that is left at most. */
  #quietLeftMs(): number {
    return Math.min(this.#quietMs, Math.max(0, this.#context.leftMs() / 2));
  }

  /** Whether a turn is over. Only the first result counts, so what comes after a failure does not matter. */
  #take(turn: Turn, isLast: boolean): boolean {
    if (!this.#hasSent && turn.send !== undefined) this.#socket.write(turn.send);
    this.#hasSent = true;
    if (turn.find === undefined) return true;
    const end = this.#unused.find(turn, isLast);
    if (typeof end === "number") this.#unused.use(end);
    else if (end !== undefined) this.#resolve({ ...end, detail: `${turn.name}: ${end.detail}` });
    return typeof end === "number";
  }

  /** Whatever came after the go-ahead came in clear text, from anyone on the way (CVE-2011-0411). */
  #secure({ name }: Turn): void {
    this.#isReady = false;
    const { startTls, clock } = this.#options;
    this.#startedAt = clock.now();
    if (startTls !== undefined && this.#unused.bytes.length === 0) this.#socket.startTls(startTls);
    else this.#resolve(fail("protocol", `${name}: the target sent more in clear text before the TLS handshake`));
  }

  #failTurn(reason: "answer" | "closed" | "reset" | "timeout", before = ""): void {
    const turn = this.#turns[this.#index];
    if (turn !== undefined) this.#resolve(fail(reason, `${before}${missingAnswer(turn, this.#unused.bytes)}`));
  }
}

/** A server that refuses a client often sends why, and resets: it has not read what the client sent. */
function isReset(error: Error): boolean {
  return "code" in error && error.code === "ECONNRESET";
}

/** The bytes that were read, without those that a turn has used. In all, `MAX_ANSWER_BYTES` are kept. */
class UnusedBytes {
  #buffer: Buffer = Buffer.alloc(0);
  #start = 0;
  #end = 0;
  #received = 0;
  #searchedBytes = 0;
  #searchAgainAt = 0;

  get bytes(): Buffer {
    return this.#buffer.subarray(this.#start, this.#end);
  }

  get isFull(): boolean {
    return this.#received >= MAX_ANSWER_BYTES;
  }

  /** Adds a copy. The buffer grows by doubling: a target may send its bytes one by one. */
  add(bytes: Buffer): void {
    const part = bytes.subarray(0, MAX_ANSWER_BYTES - this.#received);
    this.#received += part.length;
    if (this.#end + part.length > this.#buffer.length) {
      const unused = this.bytes;
      this.#buffer = Buffer.allocUnsafe(Math.max(2 * unused.length, unused.length + part.length));
      this.#end = unused.copy(this.#buffer);
      this.#start = 0;
    }
    this.#end += part.copy(this.#buffer, this.#end);
  }

  use(length: number): void {
    this.#start += length;
    this.#searchAgainAt = 0;
  }

  /** As the turn's `find`. When patterns have searched many bytes again, they wait until there are twice as many. */
  find({ find, isPattern = false }: Turn, isLast: boolean): number | ProbeResult | undefined {
    const { bytes } = this;
    if (bytes.length === 0 || (isPattern && !isLast && bytes.length < this.#searchAgainAt)) return undefined;
    if (isPattern) this.#searchedBytes += bytes.length;
    this.#searchAgainAt = this.#searchedBytes > MAX_SEARCHED_AGAIN_BYTES ? 2 * bytes.length : 0;
    return find?.(bytes);
  }
}
