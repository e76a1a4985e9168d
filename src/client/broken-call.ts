/**
 * How a call can end without an answer, and what that says about the target.
 *
 * A call on a connection that was kept may break because the connection is old: the target closed it a moment ago, or is
 * about to. That is no failure of the target, so the call is made again on a new connection (`reused-connection`).
 */

export type BrokenKind =
  /** The target, or a device between, broke the stream or the connection on purpose. */
  | "reset"
  /** The connection ended before the answer did. */
  | "closed"
  /** The target refused the call before it looked at it: repeating the call is safe. */
  | "unprocessed"
  /** What the target sent is not the protocol. */
  | "protocol"
  /** healthbridge ended the call. */
  | "cancelled";

/** A call that ended without an answer. */
export class BrokenCall extends Error {
  override readonly name = "BrokenCall";
  readonly kind: BrokenKind;

  constructor(kind: BrokenKind, message: string, options?: ErrorOptions) {
    super(message, options);
    this.kind = kind;
  }
}

/** A call that was sent and got nothing back. If its connection was a kept one, the call is worth another attempt. */
export class Unanswered extends Error {
  override readonly name = "Unanswered";
  /** The error that the caller gets when there is no other attempt. */
  readonly reason: unknown;

  constructor(reason: unknown) {
    super("no answer", { cause: reason });
    this.reason = reason;
  }
}
