/** A prober whose answers a test gives, one at a time, and which counts how it is treated. */
import type { ProbeContext, ProbeResult, Prober } from "../../src/probers/prober.js";

/** One look that waits for its answer. */
export interface Look {
  readonly signal: AbortSignal;
  answer(result: ProbeResult): void;
  throw(error: Error): void;
}

export const PASSED: ProbeResult = { outcome: "pass" };
export const FAILED: ProbeResult = { outcome: "fail", reason: "refused", detail: "secret.internal said no" };
export const WARNED: ProbeResult = { outcome: "warn", reason: "status", detail: "slow" };

export class ScriptedProber implements Prober {
  /** Looks so far, the newest last. */
  readonly looks: Look[] = [];
  /** When each look began. */
  readonly startedAt: number[] = [];
  running = 0;
  mostAtOnce = 0;
  closed = false;
  readonly #now: () => number;
  readonly #always: ProbeResult | undefined;
  #listener: (() => void) | undefined;

  /** @param always the answer that every look gets at once; without it each waits for `answer`. */
  constructor(now: () => number, always?: ProbeResult) {
    this.#now = now;
    this.#always = always;
  }

  get last(): Look {
    const look = this.looks.at(-1);
    if (look === undefined) throw new Error("nobody has looked yet");
    return look;
  }

  async probe({ signal }: ProbeContext): Promise<ProbeResult> {
    this.startedAt.push(this.#now());
    this.running += 1;
    this.mostAtOnce = Math.max(this.mostAtOnce, this.running);
    try {
      return await new Promise<ProbeResult>((answer, reject) => {
        this.looks.push({ signal, answer, throw: reject });
        if (this.#always !== undefined) answer(this.#always);
      });
    } finally {
      this.running -= 1;
    }
  }

  onChange(listener: () => void): void {
    this.#listener = listener;
  }

  /** The target says that it has changed. */
  change(): void {
    this.#listener?.();
  }

  close(): void {
    this.closed = true;
  }
}
