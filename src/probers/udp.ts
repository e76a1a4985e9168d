/**
 * `udp://host:port` with a dialogue: passes when the target answers each step as expected.
 *
 *     names --> addresses, one after the other: send --> a datagram that matches --> next step --> ... --> pass
 *                            | refused: the next address at once       | no match: ignored, the answer may still come
 *                            '- silent: the next one after its share of the time
 *
 * UDP has no connection, so only an answer proves something. The socket is connected nevertheless: the system then drops
 * datagrams of other addresses, and reports an ICMP "port unreachable" as ECONNREFUSED (udp(7)).
 */
import { createSocket, type Socket } from "node:dgram";
import type { LookupAddress } from "node:dns";
import { isIP } from "node:net";
import type { Resolver } from "../client/resolver.js";
import type { Clock } from "../core/clock.js";
import { OptionError, type Path } from "../core/option-error.js";
import { MAX_ANSWER_BYTES, missingAnswer } from "./conversation.js";
import { compileDialogue, refuseStartTls, type Turn } from "./dialogue.js";
import type { ProberDeps, ProberOptions } from "./options.js";
import { fail, PASS, type ProbeContext, type ProbeResult, type Prober } from "./prober.js";
import { resultOfError } from "./reasons.js";
import { hostOf } from "./target.js";
import { afterShare } from "./time-share.js";

/** So many bytes are counted for a shorter datagram: a target may send empty ones without end. */
const MIN_COUNTED_BYTES = 64;

/** A prober of a UDP port. @throws HealthError INVALID_OPTION for a dialogue that proves nothing */
export function openUdp(target: URL, { resolver, clock }: ProberDeps, options: ProberOptions): Prober {
  const turns = datagramsOf(options);
  const host = hostOf(target);
  const port = Number(target.port);
  let exchange: DatagramExchange | undefined;
  const cancel = () => exchange?.cancel();
  return {
    async probe(context) {
      const own = new DatagramExchange(turns, clock);
      exchange = own;
      try {
        return await own.run({ host, port, resolver }, context);
      } catch (error) {
        return resultOfError(error);
      }
    },
    cancel,
    close: cancel,
  };
}

function datagramsOf({ dialogue }: ProberOptions): readonly Turn[] {
  const example = 'dialogue: [{ send: { hex: "1b" }, expect: { hex: "1c" } }]';
  const invalid = (path: Path, text: string) =>
    new OptionError(["dialogue", ...path], `${text}; a target of udp:// needs ${example}`);
  if (dialogue === undefined) throw invalid([], "is missing, and without an answer UDP proves nothing");
  const turns = compileDialogue(dialogue);
  refuseStartTls(dialogue, "udp");
  if (turns[0]?.send === undefined) throw invalid([0, "send"], "is missing: the target must get a datagram first");
  if (turns.every(({ find }) => find === undefined))
    throw invalid([], "has no expect, and without an answer UDP proves nothing");
  return turns;
}

interface UdpAddress {
  readonly host: string;
  readonly port: number;
  readonly resolver: Resolver;
}

/** One probe: the dialogue with one address after the other, until one of them answers. */
class DatagramExchange {
  readonly #turns: readonly Turn[];
  readonly #clock: Clock;
  #attempt: DatagramAttempt | undefined;
  #isCancelled = false;
  #endWait: () => void = () => {};

  constructor(turns: readonly Turn[], clock: Clock) {
    this.#turns = turns;
    this.#clock = clock;
  }

  /** Rejects with the error of the socket or the resolver. */
  async run(address: UdpAddress, context: ProbeContext): Promise<ProbeResult> {
    const keepsAlive = setTimeout(() => {}, context.timeoutMs); // the resolver does not
    const names = new AddressQueue(address);
    this.#endWait = () => names.cancel();
    if (this.#isCancelled) names.cancel();
    try {
      return await this.#try(names, address.port, context);
    } finally {
      names.close();
      clearTimeout(keepsAlive);
    }
  }

  /** Tries one address after the other. Those of the second family may become known while the first one is tried. */
  async #try(names: AddressQueue, port: number, context: ProbeContext): Promise<ProbeResult> {
    let last: ProbeResult | undefined;
    let fault: unknown;
    for (;;) {
      const address = await names.next(last !== undefined || fault !== undefined);
      if (address === undefined && last === undefined && fault !== undefined) throw fault;
      if (address === undefined) return last ?? fail("dns", "the name has no address");
      const attempt = new DatagramAttempt(this.#turns, { ...address, port });
      this.#attempt = attempt;
      if (this.#isCancelled) attempt.end();
      let stopTimer = () => {};
      names.onMore = () => {
        stopTimer();
        const shareMs = Math.max(0, context.leftMs()) / (names.left + 1);
        if (names.left > 0) stopTimer = afterShare(context, shareMs, this.#clock, () => attempt.end());
      };
      names.onMore();
      try {
        const result = await attempt.result;
        if (result.outcome === "pass" || this.#isCancelled) return result;
        last = moreTelling(last, result);
      } catch (error) {
        // a fault of this machine, such as no IPv6, must not hide what the other addresses answer
        try {
          last = moreTelling(last, resultOfError(error));
        } catch (localFault) {
          fault = localFault;
        }
      } finally {
        names.onMore = () => {};
        stopTimer();
        attempt.end();
      }
    }
  }

  cancel(): void {
    this.#isCancelled = true;
    this.#attempt?.end();
    this.#endWait();
  }
}

/** The addresses of a target, in the order in which they become known. */
class AddressQueue {
  readonly #host: string;
  readonly #known = new Set<string>();
  readonly #queue: LookupAddress[] = [];
  readonly #stop: () => void = () => {};
  #isComplete = false;
  #error: Error | undefined;
  #wake: () => void = () => {};
  /** Called when more addresses become known. */
  onMore: () => void = () => {};

  constructor({ host, resolver }: UdpAddress) {
    this.#host = host;
    const family = isIP(host);
    if (family !== 0) this.#add([{ address: host, family }], true);
    else
      this.#stop = resolver.resolve(host, {
        onAddresses: (found, isComplete) => this.#add(found, isComplete),
        onError: (error) => this.#end(error),
      });
  }

  /** Addresses that are known and still to be tried. */
  get left(): number {
    return this.#queue.length;
  }

  /** The next address; `undefined` after the last. Rejects with the error of the resolver, unless another one was tried. */
  async next(hasTried: boolean): Promise<LookupAddress | undefined> {
    while (this.#queue.length === 0 && !this.#isComplete)
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    const address = this.#queue.shift();
    if (address === undefined && this.#error !== undefined && !hasTried) throw this.#error;
    return address;
  }

  /** The deadline is over. */
  cancel(): void {
    if (this.#isComplete) return;
    const message = `no name server has answered for ${this.#host} within the deadline`;
    this.#end(Object.assign(new Error(message), { code: "EAI_AGAIN" }));
  }

  close(): void {
    this.#stop();
  }

  #add(found: readonly LookupAddress[], isComplete: boolean): void {
    const added = found.filter(({ address }) => !this.#known.has(address));
    for (const { address } of added) this.#known.add(address);
    this.#queue.push(...added);
    this.#isComplete = isComplete;
    this.#wake();
    this.onMore();
  }

  #end(error: Error): void {
    this.#error = error;
    this.#isComplete = true;
    this.#wake();
  }
}

/** Of the failures of several addresses, an answer says more than silence, and silence more than a missing route. */
function moreTelling(last: ProbeResult | undefined, result: ProbeResult): ProbeResult {
  const order: readonly ProbeResult["reason"][] = ["unreachable", "timeout", "refused", "answer"];
  const rank = ({ reason }: ProbeResult) => order.indexOf(reason);
  return last !== undefined && rank(last) >= rank(result) ? last : result;
}

/** The dialogue with one address, on a socket of its own. */
class DatagramAttempt {
  readonly result: Promise<ProbeResult>;
  readonly #turns: readonly Turn[];
  readonly #socket: Socket;
  #resolve: (result: ProbeResult) => void = () => {};
  #reject: (error: Error) => void = () => {};
  #index = 0;
  #receivedBytes = 0;
  #last: Buffer | undefined;
  #isOpen = true;

  constructor(turns: readonly Turn[], { address, family, port }: LookupAddress & { readonly port: number }) {
    this.#turns = turns;
    this.result = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    this.#socket = createSocket(family === 6 ? "udp6" : "udp4");
    // the listener stays after the end: an error without one would end the process
    this.#socket.on("error", (error) => this.#close(() => this.#reject(error)));
    this.#socket.on("message", (datagram) => this.#onDatagram(datagram));
    // not as a callback: Node would give it the error, and `error` would not be emitted
    this.#socket.once("connect", () => this.#send());
    this.#socket.connect(port, address);
  }

  /** Ends it: without an answer, that is a timeout; a datagram that does not match is a wrong answer. */
  end(): void {
    const turn = this.#turns[this.#index];
    if (turn !== undefined) this.#fail(turn, this.#last === undefined ? "timeout" : "answer");
  }

  /** Sends what is next, up to the first step that waits for an answer. */
  #send(): void {
    for (let turn = this.#turns[this.#index]; turn !== undefined; turn = this.#turns[this.#index]) {
      if (!this.#isOpen) return;
      if (turn.send !== undefined) this.#socket.send(turn.send, (error) => error && this.#socket.emit("error", error));
      if (turn.find !== undefined) return;
      this.#index += 1;
    }
    this.#close(() => this.#resolve(PASS));
  }

  #onDatagram(datagram: Buffer): void {
    const turn = this.#turns[this.#index];
    if (turn === undefined || !this.#isOpen) return;
    this.#receivedBytes += Math.max(MIN_COUNTED_BYTES, datagram.length);
    this.#last = datagram;
    if (typeof turn.find?.(datagram) === "number") {
      this.#last = undefined;
      this.#index += 1;
      this.#send();
    } else if (this.#receivedBytes >= MAX_ANSWER_BYTES) this.#fail(turn, "answer");
  }

  #fail(turn: Turn, reason: "answer" | "timeout"): void {
    const detail = missingAnswer(turn, this.#last ?? Buffer.alloc(0));
    this.#close(() => this.#resolve(fail(reason, detail)));
  }

  #close(settle: () => void): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    settle();
    this.#socket.close();
  }
}
