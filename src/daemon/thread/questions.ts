/**
 * What a listener thread asks the main thread, and waits for: reports of heartbeats, and requests about the past.
 *
 *     ask --id--> main thread --answer of the id--> resolved
 *      |             '-- none within the time -----> undefined
 *      '-- too many wait --------------------------> undefined, at once
 */
import type { Clock } from "../../core/clock.js";

/** How long the main thread may take, and how many questions may wait. */
export interface QuestionLimits {
  readonly timeoutMs: number;
  readonly maxWaiting: number;
}

export class Questions<Answer> {
  readonly #clock: Clock;
  readonly #limits: QuestionLimits;
  readonly #waiting = new Map<number, (answer: Answer | undefined) => void>();
  #last = 0;

  constructor(clock: Clock, limits: QuestionLimits) {
    this.#clock = clock;
    this.#limits = limits;
  }

  /** Sends a question with an ID, and resolves with its answer; with undefined, if there is none in time. */
  ask(send: (id: number) => void): Promise<Answer | undefined> {
    if (this.#waiting.size >= this.#limits.maxWaiting) return Promise.resolve(undefined);
    this.#last += 1;
    const id = this.#last;
    return new Promise((resolve) => {
      const end = (answer: Answer | undefined) => {
        cancel();
        this.#waiting.delete(id);
        resolve(answer);
      };
      const cancel = this.#clock.setTimer(this.#limits.timeoutMs, () => end(undefined));
      this.#waiting.set(id, end);
      send(id);
    });
  }

  /** Takes an answer. One that comes too late has no effect. */
  answer(id: number, answer: Answer): void {
    this.#waiting.get(id)?.(answer);
  }
}
