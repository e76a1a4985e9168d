/** A Watch call without a network: it records what was sent, and the test decides when there is room for more. */
import type { StreamCall } from "../../../src/transports/grpc/engine.js";
import type { GrpcCode } from "../../../src/wire/grpc-code.js";
import { statusIn } from "../../support/grpc-peer.js";

export class FakeCall implements StreamCall {
  /** What was sent, in order: the numbers of statuses, then the code and text of the end. */
  readonly received: (number | string)[] = [];
  #sent: (() => void) | undefined;

  send(message: Buffer, onSent: () => void): void {
    if (this.#sent !== undefined) this.received.push("sent before there was room");
    this.received.push(statusIn(message));
    this.#sent = onSent;
  }

  end(code: GrpcCode, text: string): void {
    this.received.push(`${code}: ${text}`);
  }

  /** Whether the last message has not left yet. */
  get busy(): boolean {
    return this.#sent !== undefined;
  }

  /** The message has left: there is room for another. */
  makeRoom(): void {
    const sent = this.#sent;
    this.#sent = undefined;
    sent?.();
  }

  /** A call that always has room for the next message. */
  static reading(): FakeCall {
    const call = new FakeCall();
    const send = call.send.bind(call);
    return Object.assign(call, {
      send: (message: Buffer, onSent: () => void) => {
        send(message, onSent);
        queueMicrotask(() => call.makeRoom());
      },
    });
  }
}

/** An event loop whose turns the test runs. */
export class Turns {
  readonly #waiting: (() => void)[] = [];
  readonly defer = (action: () => void): void => void this.#waiting.push(action);

  /** Number of actions that wait for the next turn. */
  get waiting(): number {
    return this.#waiting.length;
  }

  /** Runs the waiting actions. What they defer waits for the next turn. */
  next(): void {
    for (const action of this.#waiting.splice(0)) action();
  }

  /** Runs turns until nothing waits. */
  all(): void {
    while (this.#waiting.length > 0) this.next();
  }
}
