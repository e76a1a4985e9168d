/** A Watch call without a network: what was sent, and when there is room for more is the test's to say. */
import type { WatchCall } from "../../../src/transports/grpc/watch.js";
import type { GrpcCode } from "../../../src/wire/grpc-code.js";
import { statusIn } from "../../support/grpc-peer.js";

export class FakeCall implements WatchCall {
  /** What came, in order: the numbers of statuses, then the code and text of the end. */
  readonly heard: (number | string)[] = [];
  #sent: (() => void) | undefined;

  send(message: Buffer, onSent: () => void): void {
    if (this.#sent !== undefined) this.heard.push("sent before there was room");
    this.heard.push(statusIn(message));
    this.#sent = onSent;
  }

  end(code: GrpcCode, text: string): void {
    this.heard.push(`${code}: ${text}`);
  }

  /** Whether a message is on its way. */
  get busy(): boolean {
    return this.#sent !== undefined;
  }

  /** The message has left: there is room for another. */
  makeRoom(): void {
    const sent = this.#sent;
    this.#sent = undefined;
    sent?.();
  }

  /** What was heard from now on is heard without waiting. */
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

/** An event loop whose turns the test takes. */
export class Turns {
  readonly #waiting: (() => void)[] = [];
  readonly defer = (action: () => void): void => void this.#waiting.push(action);

  /** Actions that wait for the next turn. */
  get waiting(): number {
    return this.#waiting.length;
  }

  /** Runs what waits now; what that defers waits for the next turn. */
  next(): void {
    for (const action of this.#waiting.splice(0)) action();
  }

  /** Runs turns until nothing waits. */
  all(): void {
    while (this.#waiting.length > 0) this.next();
  }
}
