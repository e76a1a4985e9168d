/**
 * A prober that can be replaced while its check runs: a client certificate or a password has been renewed.
 *
 *     renew(next) --> the running probe ends --> next probe: the old one is closed, the next one probes
 *
 * The check keeps its state, its counts and its schedule.
 */
import type { ProbeContext, ProbeResult, Prober } from "./prober.js";

export class RenewableProber implements Prober {
  #current: Prober;
  #next: Prober | undefined;
  #onChange: (() => void) | undefined;
  #onResult: ((result: ProbeResult, ageMs: number) => void) | undefined;

  constructor(prober: Prober) {
    this.#current = prober;
  }

  /** Uses another prober from the next probe on. */
  renew(prober: Prober): void {
    this.#next?.close();
    this.#next = prober;
  }

  /** Called before each probe. */
  reserve(start: () => void): void {
    this.#replace();
    if (this.#current.reserve === undefined) start();
    else this.#current.reserve(start);
  }

  probe(context: ProbeContext): Promise<ProbeResult> {
    return this.#current.probe(context);
  }

  cancel(): void {
    this.#current.cancel?.();
  }

  onChange(listener: () => void): void {
    this.#onChange = listener;
    this.#current.onChange?.(listener);
  }

  onResult(listener: (result: ProbeResult, ageMs: number) => void): void {
    this.#onResult = listener;
    this.#current.onResult?.(listener);
  }

  close(): void {
    this.#current.close();
    this.#next?.close();
  }

  #replace(): void {
    if (this.#next === undefined) return;
    this.#current.close();
    this.#current = this.#next;
    this.#next = undefined;
    if (this.#onChange !== undefined) this.#current.onChange?.(this.#onChange);
    if (this.#onResult !== undefined) this.#current.onResult?.(this.#onResult);
  }
}
