/** A prober whose results a test gives, one at a time, and which counts its calls. */
import type { ProbeContext, ProbeResult, Prober } from "../../src/probers/prober.js";

/** One probe that waits for its result. */
export interface Look {
  readonly signal: AbortSignal;
  answer(result: ProbeResult): void;
  throw(error: Error): void;
}

export const PASSED: ProbeResult = { outcome: "pass" };
export const FAILED: ProbeResult = { outcome: "fail", reason: "refused", detail: "secret.internal said no" };
export const WARNED: ProbeResult = { outcome: "warn", reason: "status", detail: "slow" };

export class ScriptedProber implements Prober {
  /** Probes so far, the newest last. */
  readonly looks: Look[] = [];
  /** The start of each probe. */
  readonly startedAt: number[] = [];
  running = 0;
  mostAtOnce = 0;
  closed = false;
  readonly #now: () => number;
  readonly #always: ProbeResult | undefined;
  #listener: (() => void) | undefined;
  #onResult: ((result: ProbeResult, ageMs: number) => void) | undefined;

  /** @param always the result of every probe, at once; without it, each probe waits for `answer` */
  constructor(now: () => number, always?: ProbeResult) {
    this.#now = now;
    this.#always = always;
  }

  get last(): Look {
    const look = this.looks.at(-1);
    if (look === undefined) throw new Error("no probe has started yet");
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

  onResult(listener: (result: ProbeResult, ageMs: number) => void): void {
    this.#onResult = listener;
  }

  /** A result without a probe. */
  report(result: ProbeResult): void {
    this.#onResult?.(result, 0);
  }

  /** Calls the listener of `onChange`. */
  change(): void {
    this.#listener?.();
  }

  close(): void {
    this.closed = true;
  }
}
