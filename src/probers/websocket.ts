/**
 * `ws://host[:80]/path` and `wss://`: passes when the handshake succeeds and the dialogue does, if there is one.
 *
 *     GET, Upgrade: websocket --> 101 --> send a message --> a message that matches --> next step --> ... --> Close --> pass
 *                                  |           ping --> pong
 *                                  '-- another status: failure
 *
 * Each step is about whole messages: a text is sent as a text message, hex as a binary one. A message that does not match
 * is ignored: servers send greetings and events. Source: RFC 6455, sections 4.1 (handshake), 5.5 and 7 (closing).
 */
import { BrokenCall } from "../client/broken-call.js";
import { readHead } from "../client/http-head.js";
import { endOfHead, MAX_INTERIM_HEADS, requireStart } from "../client/http-response.js";
import type { SocketListener, TargetSocket } from "../client/target-socket.js";
import { tlsOptions } from "../client/tls-options.js";
import {
  closeOf,
  closePayload,
  maskedFrame,
  NORMAL_CLOSURE,
  OPCODE,
  type Opcode,
  type WebSocketMessage,
  WebSocketReader,
} from "../client/websocket-frames.js";
import type { Clock, Random } from "../core/clock.js";
import { MAX_ANSWER_BYTES, missingAnswer } from "./conversation.js";
import { compileDialogue, refuseStartTls, type Turn } from "./dialogue.js";
import type { ProberDeps, ProberOptions } from "./options.js";
import { fail, PASS, type ProbeResult, type Prober } from "./prober.js";
import { openSingleConnection } from "./single-connection.js";
import { hostOf } from "./target.js";
import { Handshake } from "./websocket-handshake.js";

const MAX_HEAD_BYTES = 16_384;

/** How long the target may take for its Close frame. It changes no result. */
const MAX_CLOSE_MS = 250;

/** A prober of a WebSocket server. Each probe makes a connection and closes it. */
export function openWebSocket(target: URL, deps: ProberDeps, options: ProberOptions): Prober {
  const { clock, random, resolver, readBuffer } = deps;
  const isSecure = target.protocol === "wss:";
  const host = hostOf(target);
  const tls = isSecure ? tlsOptions(host, options.tls, ["http/1.1"]) : undefined;
  const port = Number(target.port) || (isSecure ? 443 : 80);
  const address = { host, port, resolver, readBuffer, tls };
  const handshake = new Handshake(target, options);
  const turns = messagesOf(options);
  return openSingleConnection({ address, clock, warnBefore: options.tls?.warnBefore }, async (socket) => {
    const exchange = new MessageExchange(socket, { handshake, turns, random });
    const result = await exchange.result;
    await exchange.closed(clock);
    return result;
  });
}

function messagesOf({ dialogue }: ProberOptions): readonly Turn[] {
  refuseStartTls(dialogue, "ws");
  return dialogue === undefined ? [] : compileDialogue(dialogue);
}

interface ExchangeOptions {
  readonly handshake: Handshake;
  readonly turns: readonly Turn[];
  readonly random: Random;
}

/** One probe: the handshake, then the dialogue. */
class MessageExchange implements SocketListener {
  /** Rejects with the error of the connection. */
  readonly result: Promise<ProbeResult>;
  readonly #socket: TargetSocket;
  readonly #options: ExchangeOptions;
  readonly #key: string;
  readonly #reader = new WebSocketReader(MAX_ANSWER_BYTES);
  #resolve: (result: ProbeResult) => void = () => {};
  #reject: (error: unknown) => void = () => {};
  #onClosed: () => void = () => {};
  #head: Buffer | undefined = Buffer.alloc(0);
  #interimHeads = 0;
  #isConnected = false;
  #index = 0;
  #last: Buffer | undefined;
  #state: "open" | "closing" | "closed" = "open";

  constructor(socket: TargetSocket, options: ExchangeOptions) {
    this.#socket = socket;
    this.#options = options;
    this.#key = this.#randomBytes(16).toString("base64");
    this.result = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    socket.listen(this);
    socket.write(options.handshake.request(this.#key));
  }

  onReady(): void {
    this.#isConnected = true;
  }

  onBytes(bytes: Buffer): void {
    try {
      const rest = this.#head === undefined ? bytes : this.#readHead(this.#head, bytes);
      if (rest === undefined || this.#state === "closed") return;
      for (const message of this.#reader.read(rest)) this.#onMessage(message);
    } catch (error) {
      this.#end();
      this.#reject(error);
    }
  }

  onEnd(error: Error | undefined): void {
    const turn = this.#options.turns[this.#index];
    const isCancelled = error instanceof BrokenCall && error.kind === "cancelled";
    if (this.#head === undefined && turn !== undefined && (error === undefined || isCancelled)) {
      const reason = error === undefined ? "closed" : this.#last === undefined ? "timeout" : "answer";
      this.#resolve(fail(reason, missingAnswer(turn, this.#last ?? Buffer.alloc(0))));
    } else if (isCancelled && this.#isConnected) this.#resolve(fail("timeout", "no answer to the handshake"));
    else this.#reject(error ?? new BrokenCall("closed", "the connection ended before the handshake"));
    this.#end();
  }

  /** Resolves when the target has closed too, or soon after. */
  closed(clock: Clock): Promise<void> {
    return new Promise((resolve) => {
      if (this.#state !== "closing") return resolve();
      const stopTimer = clock.setTimer(MAX_CLOSE_MS, resolve);
      this.#onClosed = () => {
        stopTimer();
        resolve();
      };
    });
  }

  #end(): void {
    this.#state = "closed";
    this.#onClosed();
  }

  /** Returns what follows the head of the answer; `undefined` while that is not complete, or where it is a failure. */
  #readHead(before: Buffer, bytes: Buffer): Buffer | undefined {
    const all = Buffer.concat([before, bytes]);
    const end = endOfHead(all, 0);
    if ((end?.at ?? all.length) > MAX_HEAD_BYTES)
      throw new BrokenCall("protocol", `the head of the answer is longer than ${MAX_HEAD_BYTES} bytes`);
    if (end === undefined) {
      requireStart(all);
      this.#head = all;
      return undefined;
    }
    const rest = all.subarray(end.next);
    const head = readHead(all.toString("latin1", 0, end.at));
    if (head.status < 200 && head.status !== 101) return this.#skipHead(rest);
    this.#head = undefined;
    const failure = this.#options.handshake.evaluate(head, this.#key);
    if (failure === undefined) this.#advance();
    else this.#fail(failure);
    return failure === undefined ? rest : undefined;
  }

  /** Another head follows an interim one, such as 103 Early Hints (RFC 9110, section 15.2). */
  #skipHead(rest: Buffer): Buffer | undefined {
    this.#interimHeads += 1;
    if (this.#interimHeads > MAX_INTERIM_HEADS)
      throw new BrokenCall("protocol", `the target sends more than ${MAX_INTERIM_HEADS} interim (1xx) responses`);
    this.#head = Buffer.alloc(0);
    return rest.length === 0 ? undefined : this.#readHead(this.#head, rest);
  }

  #onMessage(message: WebSocketMessage): void {
    if (this.#state === "closed") return;
    switch (message.opcode) {
      case OPCODE.PING:
        this.#send(OPCODE.PONG, message.payload);
        break;
      case OPCODE.CLOSE:
        this.#onClose(message);
        break;
      case OPCODE.TEXT:
      case OPCODE.BINARY:
        this.#onAnswer(message.payload);
        break;
      case OPCODE.PONG:
        break;
      default:
        message.opcode satisfies never;
    }
  }

  #onClose(message: WebSocketMessage): void {
    const { code, text } = closeOf(message);
    const turn = this.#options.turns[this.#index];
    if (this.#state === "open") {
      this.#send(OPCODE.CLOSE, message.payload.subarray(0, 2));
      const said = `the target closed with code ${code}${text === "" ? "" : ` ${JSON.stringify(text)}`}`;
      this.#resolve(fail("closed", turn === undefined ? said : `${turn.name}: ${said}`));
    }
    this.#end();
  }

  #onAnswer(payload: Buffer): void {
    const turn = this.#options.turns[this.#index];
    if (this.#state !== "open" || turn === undefined) return;
    this.#last = payload;
    if (typeof turn.find?.(payload) !== "number") return;
    this.#last = undefined;
    this.#index += 1;
    this.#advance();
  }

  /** Sends what is next, up to the first step that waits for an answer. */
  #advance(): void {
    const { turns } = this.#options;
    for (let turn = turns[this.#index]; turn !== undefined; turn = turns[this.#index]) {
      if (turn.send !== undefined) this.#send(turn.isBinary === true ? OPCODE.BINARY : OPCODE.TEXT, turn.send);
      if (turn.find !== undefined) return;
      this.#index += 1;
    }
    this.#state = "closing";
    this.#send(OPCODE.CLOSE, closePayload(NORMAL_CLOSURE));
    this.#resolve(PASS);
  }

  #fail(result: ProbeResult): void {
    this.#end();
    this.#resolve(result);
  }

  #send(opcode: Opcode, payload: Buffer): void {
    this.#socket.write(maskedFrame(opcode, payload, this.#randomBytes(4)));
  }

  /** The mask protects proxies from content that a page chose (section 10.3). Nothing here comes from a page. */
  #randomBytes(count: number): Buffer {
    return Buffer.from(Array.from({ length: count }, () => Math.floor(this.#options.random() * 256)));
  }
}
