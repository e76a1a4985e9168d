/**
 * Ends connections whose client does not read its answers: bytes are waiting, and the client has read none for 30 s.
 *
 * Without the rule, a client that stops reading keeps its answers in memory without a limit: the kernel's
 * keepalive does not help, because the client's kernel still answers. A client that reads slowly is not ended.
 */
import type { CancelTimer, Clock } from "../../core/clock.js";

/** Something that a client reads. */
export interface Output {
  /** A number that changes as the client reads; `undefined` while no bytes wait for it. */
  progress(): number | undefined;
  /** Ends it. */
  end(): void;
}

interface Watched {
  progress: number | undefined;
  progressAt: number;
}

/** The rule's name on the channel `connection-ended`. */
export const UNREAD_ANSWER = "unread-answer";

/** Milliseconds without progress. */
const MAX_UNREAD_MS = 30_000;

/** Milliseconds between two looks at all outputs: an end comes so much later at most. */
const CHECK_INTERVAL_MS = 5_000;

export class UnreadAnswers {
  readonly #clock: Clock;
  readonly #outputs = new Map<Output, Watched>();
  #cancelCheck: CancelTimer | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Watches an output until the returned function is called. */
  watch(output: Output): () => void {
    this.#outputs.set(output, { progress: undefined, progressAt: this.#clock.now() });
    this.#cancelCheck ??= this.#clock.setTimer(CHECK_INTERVAL_MS, () => this.#check());
    return () => void this.#outputs.delete(output);
  }

  #check(): void {
    const now = this.#clock.now();
    for (const [output, watched] of [...this.#outputs]) {
      const progress = output.progress();
      if (progress === undefined || progress !== watched.progress) {
        watched.progress = progress;
        watched.progressAt = now;
      } else if (now - watched.progressAt >= MAX_UNREAD_MS) {
        this.#outputs.delete(output);
        output.end();
      }
    }
    const isIdle = this.#outputs.size === 0;
    this.#cancelCheck = isIdle ? undefined : this.#clock.setTimer(CHECK_INTERVAL_MS, () => this.#check());
  }
}
