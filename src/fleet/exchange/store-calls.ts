/**
 * Calls of the store, and what their failures mean. A user may have the right to one kind and not to another.
 *
 *     beat ok   write refused   read ok   write refused       one `store-failed` kind of trouble, until a write succeeds
 */
import type { Clock } from "../../core/clock.js";
import { messageOf } from "../../core/health-error.js";
import type { FleetEvent } from "../fleet-deps.js";
import { StoreError } from "../store/store.js";

/** `place`: of the end of the log. The user may have the right to that, and not to `read` the log. */
export type CallKind = "beat" | "write" | "rewrite" | "place" | "read" | "cells";

export interface StoreCallsDeps {
  readonly clock: Clock;
  /** A call has succeeded, after a time in which this member has heard nothing. */
  readonly onReturn: (deafMs: number) => void;
  readonly onEvent: (event: FleetEvent) => void;
}

export class StoreCalls {
  readonly errors: Record<StoreError["code"], number> = { unreachable: 0, timeout: 0, refused: 0, protocol: 0 };
  readonly #deps: StoreCallsDeps;
  /** The last call has succeeded, of whichever kind. */
  isAnswering = false;
  /** The kinds of which the last call has failed. */
  readonly #failing = new Map<CallKind, StoreError>();
  /** Monotonic time of the last call that has succeeded. */
  #heardAt: number;

  constructor(deps: StoreCallsDeps) {
    this.#deps = deps;
    this.#heardAt = deps.clock.now();
  }

  /** The store answers, and no kind of call fails. */
  get isUp(): boolean {
    return this.isAnswering && this.#failing.size === 0;
  }

  /** Of the calls that fail, the last one; `undefined`: none fails. */
  get failure(): StoreError | undefined {
    return [...this.#failing.values()].at(-1);
  }

  /** The store does not give what the others say. */
  get isDeaf(): boolean {
    return (this.#failing.has("read") || this.#failing.has("place")) && this.#failing.has("cells");
  }

  /** Returns `undefined` for a call that fails: it is told. */
  async attempt<Result>(kind: CallKind, call: () => Promise<Result>): Promise<Result | undefined> {
    const { clock, onReturn, onEvent } = this.#deps;
    try {
      const result = await call();
      this.isAnswering = true;
      const deafMs = clock.now() - this.#heardAt;
      this.#heardAt += deafMs;
      onReturn(deafMs);
      this.recovered(kind);
      return result;
    } catch (error) {
      this.isAnswering = false;
      const fault =
        error instanceof StoreError ? error : new StoreError("protocol", messageOf(error), { cause: error });
      this.#failing.delete(kind); // the newest one is the last
      this.#failing.set(kind, fault);
      this.errors[fault.code] += 1;
      onEvent({ kind: "store-failed", error: fault });
      return undefined;
    }
  }

  /** Calls of this kind do not fail any more: one has succeeded, or there is no need for them. */
  recovered(kind: CallKind): void {
    if (this.#failing.delete(kind) && this.#failing.size === 0) this.#deps.onEvent({ kind: "store-answers" });
  }
}
