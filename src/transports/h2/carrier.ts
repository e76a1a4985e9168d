/** The connection, as its stream table sees it. */
import type { Budget } from "./budget.js";
import type { Template } from "./outbox.js";
import type { Stream } from "./stream.js";

/** As much of the connection as its streams need. */
export interface Carrier {
  readonly budget: Budget;
  /** Octets of DATA that a new stream may be sent. */
  readonly initialWindow: number;
  readonly takesTemplates: boolean;
  frame(type: number, flags: number, streamId: number, payload: Uint8Array): void;
  frames(bytes: Uint8Array): void;
  answer(template: Template, streamId: number): void;
  whenWritable(action: () => void): void;
  /** A request has come: gives the stream who answers it. */
  open(stream: Stream): void;
  /** A stream is over. */
  onForget(): void;
  /** Ends the connection. */
  fail(error: unknown): void;
}
